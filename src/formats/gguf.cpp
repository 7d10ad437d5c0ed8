// GGUF, version 2 and 3, little-endian: magic, u32 version, u64 number of tensors, u64 number of key-value
// pairs, the pairs, the tensors' descriptions, and, on the next multiple of general.alignment, the data.
//
//   string   u64 length, bytes
//   pair     string key, u32 type, value; an array is u32 type, u64 count, values
//   tensor   string name, u32 rank, u64 sizes (the last axis first), u32 type, u64 offset in the data

#include <cmath>

#include "formats/checkpoint.h"
#include "formats/containers/bytes.h"
#include "formats/containers/cursor.h"
#include "formats/dialects/gguf_names.h"
#include "formats/ggml_tensor.h"

namespace rwkv {
namespace {

constexpr size_t kWindow = 65536;
constexpr uint64_t kMostKey = 65535, kMostText = 256, kMostName = 64;  // bytes
constexpr uint32_t kMostRank = 4;
constexpr int kDeepest = 4;                           // arrays of arrays
constexpr uint64_t kMostEntries = 65536;              // pairs, tensors
constexpr uint64_t kMostStrings = uint64_t{1} << 22;  // and arrays, in all values together

constexpr uint32_t kFloat = 6, kString = 8, kArray = 9, kDouble = 12;
// Bytes of a value by its type's number: u8 i8 u16 i16 u32 i32 f32 bool string array u64 i64 f64.
constexpr uint8_t kValueBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

constexpr const char* kTypes[] = {
    "F32",   "F16",    "Q4_0",  "Q4_1",  nullptr, nullptr,   "Q5_0",   "Q5_1",    "Q8_0",  "Q8_1",   "Q2_K",
    "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K",  "Q8_K",  "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S",
    "IQ2_S", "IQ4_XS", "I8",    "I16",   "I32",   "I64",     "F64",    "IQ1_M",   "BF16",  nullptr,  nullptr,
    nullptr, "TQ1_0",  "TQ2_0", nullptr, nullptr, nullptr,   "MXFP4",  "NVFP4"};

class Reader {
 public:
  explicit Reader(const Source& source)
      : source_(source), in_(source, kWindow), checkpoint_{.source = &source, .format = "GGUF"} {}

  Result<Checkpoint> read() {
    in_.skip(4);  // the magic
    const auto version = in_.number<uint32_t>();
    const auto tensors = in_.number<uint64_t>(), pairs = in_.number<uint64_t>();
    if (in_.error()) return *in_.error();
    if (version > 0xFFFF && (version & 0xFFFF) == 0) return unsupported(source_, "a big-endian GGUF file");
    if (version != 2 && version != 3)
      return unsupported(source_, "GGUF version " + std::to_string(version) + ", expected 2 or 3");
    if (pairs > kMostEntries || tensors > kMostEntries)
      return bad_file(source_, std::to_string(pairs) + " key-value pairs and " + std::to_string(tensors) +
                                   " tensors, expected at most " + std::to_string(kMostEntries));

    if (Status room = require_tables(source_, tensors); !room) return room.error();
    for (uint64_t i = 0; i < pairs; ++i)
      if (Status status = read_pair(); !status) return status.error();
    if (Status status = check_metadata(); !status) return status.error();
    for (uint64_t i = 0; i < tensors; ++i)
      if (Status status = read_tensor(); !status) return status.error();
    if (checkpoint_.tensors.empty()) return bad_file(source_, "holds no tensors");
    if (Status status = place_tensors(); !status) return status.error();
    return std::move(checkpoint_);
  }

 private:
  Error bad_key(std::string_view key, const std::string& why) const {
    return bad_file(source_, printable(key) + ": " + why);
  }

  Status read_pair() {
    const std::string key = in_.text(in_.number<uint64_t>(), kMostKey);
    const auto type = in_.number<uint32_t>();
    if (in_.error()) return *in_.error();
    const bool of_model = key.starts_with("rwkv6.") || key.starts_with("rwkv7.");
    const std::string_view rest = of_model ? std::string_view(key).substr(6) : "";
    if (key == "general.architecture") return read_architecture(key, type);
    if (key == "tokenizer.ggml.model") return read_text(key, type, checkpoint_.vocabulary.kind);
    if (key == "tokenizer.ggml.tokens") return read_vocabulary(key, type);
    if (key == "general.alignment") return read_whole(key, type, alignment_);
    if (key == "split.count") return read_whole(key, type, files_);
    if (rest == "wkv.head_size") return read_whole(key, type, head_size_);
    if (rest == "rescale_every_n_layers") return read_whole(key, type, model_.rescale_every);
    if (rest == "attention.layer_norm_epsilon") return check_eps(key, type);
    return skip_value(key, type, 0);
  }

  Status read_text(std::string_view key, uint32_t type, std::string& text) {
    if (type != kString) return bad_key(key, "expected a string");
    text = in_.text(in_.number<uint64_t>(), kMostText);
    return in_.error() ? Status(*in_.error()) : Done{};
  }

  // Whole numbers come in any width.
  Status read_whole(std::string_view key, uint32_t type, uint64_t& value) {
    if (type >= std::size(kValueBytes) || type == kFloat || type == kDouble || kValueBytes[type] == 0)
      return bad_key(key, "expected a whole number");
    value = 0;
    for (int i = 0; i < kValueBytes[type]; ++i) value |= uint64_t(in_.number<uint8_t>()) << 8 * i;
    return in_.error() ? Status(*in_.error()) : Done{};
  }

  // Usually the first pair, so that nothing else of foreign files is read.
  Status read_architecture(std::string_view key, uint32_t type) {
    std::string name;
    if (Status status = read_text(key, type, name); !status) return status;
    model_.version = name == "rwkv6" ? 6 : name == "rwkv7" ? 7 : 0;
    if (model_.version > 0) return Done{};
    return unsupported(source_,
                       "a GGUF model of architecture " + printable(name) + ", expected rwkv6 or rwkv7");
  }

  Status check_eps(std::string_view key, uint32_t type) {
    if (type != kFloat) return bad_key(key, "expected a float");
    const auto eps = in_.number<float>();
    if (std::fabs(eps - 1e-5f) < 1e-8f || in_.error()) return Done{};
    return unsupported(source_, printable(key) + ": expected 1e-5");
  }

  // Only where the strings lie, not what they are.
  Status read_vocabulary(std::string_view key, uint32_t type) {
    const auto of = type == kArray ? in_.number<uint32_t>() : type;
    const auto count = in_.number<uint64_t>();
    if (!in_.error() && (type != kArray || of != kString))
      return bad_key(key, "expected an array of strings");
    const uint64_t from = in_.at();
    if (Status status = skip_values(key, of, count, 0); !status) return status;
    EmbeddedVocabulary& vocabulary = checkpoint_.vocabulary;
    vocabulary.offset = from, vocabulary.bytes = in_.at() - from, vocabulary.count = count;
    return Done{};
  }

  Status skip_value(std::string_view key, uint32_t type, int depth) {
    if (type != kArray) return skip_values(key, type, 1, depth);
    const auto of = in_.number<uint32_t>();
    return skip_values(key, of, in_.number<uint64_t>(), depth);
  }

  Status skip_values(std::string_view key, uint32_t type, uint64_t count, int depth) {
    if (in_.error()) return *in_.error();
    if (type >= std::size(kValueBytes)) return bad_key(key, "unknown type " + std::to_string(type));
    if (depth == kDeepest) return bad_key(key, "arrays nested too deeply");
    if (const uint64_t bytes = kValueBytes[type]; bytes > 0) {
      if (count > in_.left() / bytes)
        return bad_key(key, std::to_string(count) + " values, more than the file holds");
      in_.skip(count * bytes);
    }
    for (uint64_t i = 0; i < count && kValueBytes[type] == 0 && !in_.error(); ++i) {
      if (strings_++ == kMostStrings)
        return bad_key(key, "more than " + std::to_string(kMostStrings) + " strings in the metadata");
      if (type == kString) in_.skip(in_.number<uint64_t>());
      else if (Status status = skip_value(key, kArray, depth + 1); !status) return status;
    }
    return in_.error() ? Status(*in_.error()) : Done{};
  }

  Status check_metadata() {
    if (files_ > 1)
      return unsupported(source_, "one of the " + std::to_string(files_) +
                                      " files of a split model; give all of them, or the path of one");
    if (model_.version == 0) return bad_file(source_, "general.architecture: missing");
    if (alignment_ == 0 || (alignment_ & (alignment_ - 1)) != 0 || alignment_ > 1 << 20)
      return bad_key("general.alignment", "expected a power of two, file has " + std::to_string(alignment_));
    if (head_size_ == 0 || head_size_ > 1 << 20)
      return bad_key("rwkv" + std::to_string(model_.version) + ".wkv.head_size",
                     head_size_ == 0 ? "missing" : "file has " + std::to_string(head_size_));
    model_.head_size = int64_t(head_size_);
    if (model_.version != 6) model_.rescale_every = 0;
    const std::string& kind = checkpoint_.vocabulary.kind;
    if (!kind.empty() && !is_word(kind))
      return bad_key("tokenizer.ggml.model", "expected a word, file has " + printable(kind));
    if (checkpoint_.vocabulary.count == 0 || kind.empty()) checkpoint_.vocabulary = {};
    return Done{};
  }

  Status read_tensor() {
    std::string name = in_.text(in_.number<uint64_t>(), kMostName);
    const auto rank = in_.number<uint32_t>();
    if (in_.error()) return *in_.error();
    if (rank > kMostRank)
      return bad_key(name,
                     std::to_string(rank) + " dimensions, expected at most " + std::to_string(kMostRank));
    Shape shape(rank);
    for (size_t i = rank; i-- > 0;) shape[i] = in_.number<int64_t>();
    const auto type = in_.number<uint32_t>();
    const auto offset = in_.number<uint64_t>();
    if (in_.error()) return *in_.error();

    const auto dtype = ggml_type(source_, name, kTypes, type);
    if (!dtype) return dtype.error();
    Result<Tensor> tensor = ggml_tensor(source_, std::move(name), *dtype, std::move(shape), offset);
    if (!tensor) return tensor.error();
    if (offset % alignment_ != 0) return bad_key(tensor->name, "offset is no multiple of general.alignment");
    if (offset < end_) return bad_key(tensor->name, "overlaps or lies before " + printable(last_));
    if (offset > source_.size()) return bad_key(tensor->name, "lies behind the end of the file");
    last_ = tensor->name;
    end_ = offset + tensor->bytes;
    return add_gguf_tensor(model_, std::move(*tensor), checkpoint_);
  }

  // Offsets count from the data on, whose place is known now.
  Status place_tensors() {
    const uint64_t data = (in_.at() + alignment_ - 1) / alignment_ * alignment_;
    if (data > source_.size() || end_ > source_.size() - data)
      return bad_key(last_, "cut off, expected " + std::to_string(end_) + " bytes of data behind byte " +
                                std::to_string(data) + ", the file has " + std::to_string(source_.size()) +
                                " bytes in all");
    for (auto& [name, tensor] : checkpoint_.tensors) tensor.offset += data;
    return Done{};
  }

  const Source& source_;
  Cursor in_;
  Checkpoint checkpoint_;
  GgufModel model_;
  uint64_t alignment_ = 32, files_ = 1, head_size_ = 0, strings_ = 0;
  std::string last_;  // the tensor described last
  uint64_t end_ = 0;  // of its data
};

}  // namespace

Result<Checkpoint> open_gguf(const Source& source) { return Reader(source).read(); }

}  // namespace rwkv
