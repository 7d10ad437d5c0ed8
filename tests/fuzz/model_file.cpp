#include "fuzz/model_file.h"

#include <array>

#include "formats/promises.h"
#include "fuzz/memory.h"
#include "model/conversion.h"
#include "model/state.h"
#include "tokenizer/embedded_tokenizer.h"

namespace rwkv::fuzz {
namespace {

constexpr uint64_t kSmallElements = 1 << 16;  // of all tensors together: enough for every seed, and fast

// The floats of a tensor with each of its dimensions padded to whole groups: no quantization takes more.
uint64_t padded_elements(const Tensor& tensor) {
  uint64_t count = 1;
  for (const int64_t size : tensor.shape) count *= size == 1 ? 8 : uint64_t(size + 7) / 8 * 8;
  return count;
}

bool is_small(const Checkpoint& file) {
  uint64_t sum = 0;
  for (const auto& [name, tensor] : file.tensors) {
    for (const int64_t size : tensor.shape)
      if (uint64_t(size) > kSmallElements) return false;
    if ((sum += tensor.count()) > kSmallElements) return false;
  }
  return true;
}

// One is enough for a file, and four times as fast as all of them: any, but always the same.
Quantization chosen_for(const Checkpoint& file) {
  uint64_t sum = file.source->size();
  for (const auto& [name, tensor] : file.tensors) sum += tensor.offset / 2 + tensor.count();
  return kQuantizations[sum % kQuantizations.size()];
}

// The logits after one token, which may be any numbers.
void read_a_token(const Model& model) {
  static Arena arena;
  State state(model.config);
  std::vector<float> logits(size_t(model.config.vocabulary));
  const int32_t token = model.config.vocabulary - 1;
  const Slice slice{&state, {&token, 1}, 1, logits.data()};
  forward(model, {&slice, 1}, arena);
}

// What load_model did with a file: it gave a model, which can be run, or an error that tells the file's name.
std::string broken_promise(const Result<Model>& model, const Source& source) {
  if (model) return read_a_token(*model), "";
  if (model.error().kind != ErrorKind::kBadModel) return rwkv::broken_promise(model.error(), source);
  return model.error().message.starts_with(source.name() + ": ") ? "" : "an error without the name";
}

// Whatever can be loaded can be converted, and the packed file loaded in its place.
std::string broken_promise_of_converting(const Checkpoint& file, Quantization quantization) {
  const Bytes bytes = packed_file(file, quantization);
  const MemorySource source("packed", bytes);
  const Result<Checkpoint> packed = open_checkpoint(source);
  if (!packed) return packed.error().message;
  if (std::string broken = rwkv::broken_promise(packed, source); !broken.empty()) return "packed: " + broken;
  const Result<Model> model = load_model(*packed, quantization);
  return model ? "" : model.error().message;
}

std::string broken_promise_of_vocabulary(const Checkpoint& file) {
  std::vector<std::string> warnings;
  const MemoryMeter meter;
  const auto made = embedded_tokenizer(file, warnings);
  if (std::string broken = broken_promise(meter, twice(16 * file.vocabulary.bytes)); !broken.empty())
    return broken;
  if (!made && !made.error().message.starts_with(file.source->name() + ": "))
    return "an error without the name";
  const auto is = [&](ErrorKind kind) { return made.error().kind == kind; };
  return made || is(ErrorKind::kBadVocabulary) || is(ErrorKind::kBadFile) ? "" : "an error of another kind";
}

}  // namespace

std::string broken_promise_of_loading(const Checkpoint& file, bool converts, bool& good) {
  if (!is_small(file)) return {};
  uint64_t packed = 0, largest = 0;
  for (const auto& [name, tensor] : file.tensors) {
    packed += padded_elements(tensor) * sizeof(float);
    largest = std::max(largest, padded_elements(tensor) * sizeof(float));
  }
  const Quantization quantization = chosen_for(file);
  const MemoryMeter meter;
  const Result<Model> model = load_model(file, quantization);
  // Beside the packed model and the largest tensor a few rows and the tables of the layers.
  if (std::string broken = broken_promise(meter, twice(packed + largest)); !broken.empty()) return broken;
  if (std::string broken = broken_promise(model, *file.source); !broken.empty()) return broken;
  if (model) return converts ? broken_promise_of_converting(file, quantization) : "";
  if (file.find("emb.weight")) good = false;
  return {};
}

std::string broken_promise(Result<Checkpoint> (*open)(const Source&), std::span<const std::byte> bytes,
                           uint64_t table_factor, bool& good) {
  const MemorySource source("model", bytes);
  const MemoryMeter meter;
  const Result<Checkpoint> file = open(source);
  if (std::string broken = broken_promise(meter, twice(table_factor * bytes.size())); !broken.empty())
    return broken;
  if (std::string broken = rwkv::broken_promise(file, source); !broken.empty()) return broken;
  good = file.ok();
  if (std::string broken = file ? broken_promise_of_vocabulary(*file) : ""; !broken.empty()) return broken;
  return file ? broken_promise_of_loading(*file, true, good) : "";
}

Bytes packed_file(const Checkpoint& checkpoint, Quantization quantization) {
  Bytes bytes;
  Result<Conversion> conversion = Conversion::start(checkpoint, quantization);
  while (conversion) {
    const Result<Buffer> piece = conversion->next();
    if (!piece || piece->bytes() == 0) return conversion->bytes() == bytes.size() ? bytes : Bytes();
    bytes.insert(bytes.end(), piece->span().begin(), piece->span().end());
  }
  return bytes;
}

}  // namespace rwkv::fuzz
