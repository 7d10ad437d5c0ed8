// safetensors: u64 length of the header, the header, the data. The header is a JSON object:
//
//   {"__metadata__": {"format": "pt"},
//    "emb.weight": {"dtype": "BF16", "shape": [65536, 768], "data_offsets": [0, 100663296]}}
//
// Offsets count from the end of the header. U8 tensors are what the metadata says they are (packed.h).

#include <algorithm>

#include "formats/checkpoint.h"
#include "formats/containers/bytes.h"
#include "formats/containers/json.h"
#include "formats/packed.h"
#include "quant/dtype.h"

namespace rwkv {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit

// A tensor as the header describes it.
struct Entry {
  std::string dtype;
  Shape shape;
  uint64_t begin = 0, end = 0;  // relative to the data
  bool whole = false;           // all three fields were there, once each
};

bool read_shape(JsonReader& json, Shape& shape) {
  json.enter_array();
  while (json.next_item()) {
    uint64_t dimension = 0;
    if (!json.read_unsigned(dimension)) break;
    if (dimension > INT64_MAX || shape.size() == kMaxRank) return false;
    shape.push_back(static_cast<int64_t>(dimension));
  }
  return json.ok();
}

bool read_offsets(JsonReader& json, Entry& entry) {
  return json.enter_array() && json.next_item() && json.read_unsigned(entry.begin) && json.next_item() &&
         json.read_unsigned(entry.end) && !json.next_item() && json.ok();
}

// Leaves `entry` not whole, or `json` not ok, where the description is no good.
void read_entry(JsonReader& json, Entry& entry) {
  enum { kDtype = 1, kShape = 2, kOffsets = 4, kAll = 7 };
  int seen = 0;
  bool good = true;
  std::string key;
  const auto field = [&](int bit, bool read) {
    good = good && read && !(seen & bit);
    seen |= bit;
  };
  json.enter_object();
  while (good && json.next_key(key)) {
    if (key == "dtype") field(kDtype, json.read_string(entry.dtype));
    else if (key == "shape") field(kShape, read_shape(json, entry.shape));
    else if (key == "data_offsets") field(kOffsets, read_offsets(json, entry));
    else json.skip_value();
  }
  entry.whole = good && seen == kAll;
}

constexpr DType kElements[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kU8};

class Reader {
 public:
  Reader(const Source& source, uint64_t header_bytes, std::string_view header)
      : source_(source), json_(header), data_(8 + header_bytes), data_bytes_(source.size() - data_) {}

  Result<Checkpoint> read() {
    std::string key;
    json_.enter_object();
    while (json_.next_key(key)) {
      Status status = key == "__metadata__" ? read_metadata() : add(key);
      if (!status) return status.error();
    }
    if (!json_.finish()) return malformed();
    if (Status status = check_overlaps(); !status) return status.error();
    checkpoint_.source = &source_;
    checkpoint_.format = "safetensors";
    if (Status status = apply_packed_metadata(metadata_, data_, checkpoint_); !status) return status.error();
    if (checkpoint_.tensors.empty() && checkpoint_.foreign.empty())
      return bad_file(source_, "holds no tensors");
    return std::move(checkpoint_);
  }

 private:
  Error malformed() const { return bad_file(source_, "safetensors header: " + json_.error()); }
  Error bad_tensor(std::string_view name, const std::string& why) const {
    return bad_file(source_, printable(name) + ": " + why);
  }

  Status read_metadata() {
    std::string key, value;
    json_.enter_object();
    while (json_.next_key(key)) {
      if (json_.read_string(value)) metadata_[key] = value;
    }
    return json_.ok() ? Status(Done{}) : malformed();
  }

  Status add(const std::string& name) {
    Entry entry;
    read_entry(json_, entry);
    if (!json_.ok()) return malformed();
    if (!entry.whole)
      return bad_tensor(name, "expected dtype, shape (rank <= 8) and data_offsets, once each");

    const DType* dtype = std::find_if(std::begin(kElements), std::end(kElements),
                                      [&](DType known) { return entry.dtype == dtype_name(known); });
    if (dtype == std::end(kElements)) {
      checkpoint_.set_aside(name, printable(entry.dtype));
      return Done{};
    }
    if (entry.begin > entry.end || entry.end > data_bytes_) {
      return bad_tensor(name, "data_offsets [" + std::to_string(entry.begin) + ", " +
                                  std::to_string(entry.end) + "], the file has " +
                                  std::to_string(data_bytes_) + " bytes of data");
    }
    const uint64_t bytes = entry.end - entry.begin;
    const std::optional<uint64_t> count = element_count(entry.shape);
    const uint64_t element_bytes = block_size(*dtype).bytes;
    if (!count || bytes % element_bytes != 0 || bytes / element_bytes != *count) {
      return bad_tensor(
          name, std::to_string(bytes) + " bytes do not hold " + entry.dtype + " " + to_string(entry.shape));
    }
    Tensor tensor{name, *dtype, std::move(entry.shape), data_ + entry.begin, bytes};
    if (!checkpoint_.tensors.try_emplace(name, std::move(tensor)).second) {
      return bad_tensor(name, "named twice in the header");
    }
    return Done{};
  }

  Status check_overlaps() const {
    const std::vector<const Tensor*> order = in_order(checkpoint_);
    for (size_t i = 1; i < order.size(); ++i) {
      if (order[i]->offset - order[i - 1]->offset < order[i - 1]->bytes) {
        return bad_tensor(order[i]->name, "overlaps " + printable(order[i - 1]->name));
      }
    }
    return Done{};
  }

  const Source& source_;
  JsonReader json_;
  const uint64_t data_, data_bytes_;
  Metadata metadata_;
  Checkpoint checkpoint_;
};

}  // namespace

Result<Checkpoint> open_safetensors(const Source& source) {
  if (source.size() < 8) return bad_file(source, "too short for a safetensors file");
  std::byte length[8];
  if (Status status = source.read(0, length); !status) return status.error();
  const auto header_bytes = load_le<uint64_t>(length);
  if (header_bytes > source.size() - 8 || header_bytes > kMaxHeaderBytes) {
    return bad_file(source, "safetensors header of " + std::to_string(header_bytes) + " bytes in a file of " +
                                std::to_string(source.size()));
  }
  Result<Buffer> header = read_directory(source, 8, header_bytes);
  if (!header) return header.error();
  return Reader(source, header_bytes, as_text(header->span())).read();
}

}  // namespace rwkv
