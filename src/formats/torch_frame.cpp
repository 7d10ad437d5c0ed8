// What torch.save writes around tensors (pth.cpp tells what is in it): entries of a zip that are stored, each with its
// checksum and size behind it, its data at a multiple of 64 bytes; the first is a pickle of protocol 2.

#include <array>
#include <bit>

#include "formats/tensor_file.h"
#include "formats/views.h"

namespace rwkv {
namespace {

constexpr auto kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit) table[i] = (table[i] >> 1) ^ (table[i] & 1 ? 0xEDB88320 : 0);
  }
  return table;
}();

// Little-endian.
template <class T>
std::string le(T value) {
  const auto bytes = std::bit_cast<std::array<char, sizeof(T)>>(value);
  return {bytes.begin(), bytes.end()};
}
std::string u16(size_t value) { return le(uint16_t(value)); }
std::string u32(uint64_t value) { return le(uint32_t(value)); }

std::string text(std::string_view value) { return 'X' + u32(value.size()) + std::string(value); }
std::string integer(int64_t value) {
  if (value >= 0 && value < 256) return 'K' + le(uint8_t(value));
  if (value >= INT32_MIN && value <= INT32_MAX) return 'J' + le(int32_t(value));
  return std::string("\x8a\x08") + le(value);
}
std::string tuple(const Shape& values) {
  std::string items = "(";
  for (const int64_t value : values) items += integer(value);
  return items + 't';
}

// {name: _rebuild_tensor_v2(('storage', FloatStorage, key, 'cpu', count), 0, shape, strides, False, OrderedDict())}
std::string pickle(const std::vector<TensorToWrite>& tensors) {
  std::string dict = "\x80\x02}(";
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorToWrite& tensor = tensors[i];
    dict += text(tensor.name) + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
            "ctorch\nFloatStorage\n" + text(std::to_string(i)) + text("cpu") +
            integer(int64_t(bytes_of(tensor) / sizeof(float))) + "tQ" + integer(0) + tuple(tensor.shape) +
            tuple(row_major(tensor.shape)) + "\x89" + "ccollections\nOrderedDict\n)RtR";
  }
  return dict + "u.";
}

// Writes entries one behind the other, into the text before a tensor and into the one behind it.
class Zip {
 public:
  void add(std::string_view name, const std::string& content) {
    begin(name);
    frame_.texts.back() += content;
    end(crc32(std::as_bytes(std::span(content))), content.size());
  }
  void add_tensor(std::string_view name, uint64_t bytes) {
    begin(name);
    ended_ += frame_.texts.back().size() + bytes;
    frame_.texts.emplace_back();
    // "PK" and two bytes more, then the checksum; that of the directory's entry is its 17th byte.
    frame_.checksums.push_back({4, directory_.size() + 16});
    end(0, bytes);
  }
  TensorFileFrame finish() {
    std::string& last = frame_.texts.back();
    const size_t start = last.size();
    for (auto& places : frame_.checksums) places.in_last += start;
    last += directory_ + "PK\5\6" + u32(0) + u16(count_) + u16(count_) + u32(directory_.size()) +
            u32(ended_ + start) + u16(0);
    return std::move(frame_);
  }

 private:
  static constexpr size_t kAlignment = 64, kFixedBytes = 30, kPaddingBytes = 4;
  static constexpr unsigned kFlags = 0x0808;  // checksum and sizes stand behind the data; names are UTF-8

  void begin(std::string_view name) {
    name_ = std::string("archive/").append(name);
    header_ = ended_ + frame_.texts.back().size();
    const size_t data = size_t(header_) + kFixedBytes + name_.size() + kPaddingBytes;
    const std::string padding((kAlignment - data % kAlignment) % kAlignment, 'Z');
    frame_.texts.back() += "PK\3\4" + u16(0) + common(0, 0) + u16(kPaddingBytes + padding.size()) + name_ +
                           "FB" + u16(padding.size()) + padding;
  }
  void end(uint32_t checksum, uint64_t bytes) {
    frame_.texts.back() += "PK\7\10" + sizes(checksum, bytes);
    directory_ +=
        "PK\1\2" + u16(0) + u16(0) + common(checksum, bytes) + std::string(12, '\0') + u32(header_) + name_;
    ++count_;
  }
  static std::string sizes(uint32_t checksum, uint64_t bytes) {
    return u32(checksum) + u32(bytes) + u32(bytes);
  }
  // From the flags to the length of the name: method, time and date are zeros.
  std::string common(uint32_t checksum, uint64_t bytes) const {
    return u16(kFlags) + u16(0) + u32(0) + sizes(checksum, bytes) + u16(name_.size());
  }

  TensorFileFrame frame_{{""}};
  std::string directory_, name_;
  uint64_t ended_ = 0;   // where the current text begins in the file
  uint64_t header_ = 0;  // where the current entry begins
  size_t count_ = 0;
};

}  // namespace

uint32_t crc32(std::span<const std::byte> bytes) {
  uint32_t crc = ~0u;
  for (const std::byte byte : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ uint32_t(byte)) & 255];
  return ~crc;
}

TensorFileFrame torch_frame(const std::vector<TensorToWrite>& tensors) {
  Zip zip;
  zip.add("data.pkl", pickle(tensors));
  zip.add("byteorder", "little");
  for (size_t i = 0; i < tensors.size(); ++i)
    zip.add_tensor("data/" + std::to_string(i), bytes_of(tensors[i]));
  zip.add("version", "3\n");
  return zip.finish();
}

}  // namespace rwkv
