// Files of adapters, for a model of version 7 with two layers, which then is read with them.
#include "formats/lora.h"

#include "formats/promises.h"
#include "formats/pth_writer.h"
#include "fuzz/memory.h"
#include "fuzz/model_file.h"
#include "fuzz/reader.h"
#include "fuzz/tiny_models.h"

namespace rwkv::fuzz {
namespace {

constexpr int kWidth = 8, kRank = 2;

FileTensor tensor(const std::string& name, const Shape& shape) {
  return {name, DType::kF16, shape, tiny_halves(*element_count(shape))};
}

std::vector<FileTensor> adapters(const std::string& before, const std::string& behind) {
  std::vector<FileTensor> tensors;
  for (const char* matrix : {"att.key", "ffn.value"}) {
    const int width = std::string(matrix) == "att.key" ? kWidth : 2 * kWidth;  // of what goes in
    const std::string name = before + "blocks.1." + matrix + ".lora_";
    tensors.push_back(tensor(name + "A" + behind, {kRank, width}));
    tensors.push_back(tensor(name + "B" + behind, {kWidth, kRank}));
  }
  return tensors;
}

std::vector<Bytes> seeds() {
  std::vector<FileTensor> own = adapters("", ""), whole = own;
  own.push_back(
      {"lora_alpha", DType::kF32, {1}, Bytes{std::byte{0}, std::byte{0}, std::byte{0x80}, std::byte{0x40}}});
  whole.push_back(tensor("blocks.0.ln1.weight", {kWidth}));
  return {write_safetensors(own), write_safetensors(whole),
          write_safetensors(adapters("base_model.model.", ".default.weight")), write_pth(whole)};
}

// With the alpha that they tell, else with one that the caller does.
std::string check(std::span<const std::byte> bytes, bool& good) {
  static const OpenFile model(write_safetensors(tiny_model(Version::k7, kWidth, 2, 2 * kWidth)));
  const MemorySource source("adapters", bytes);
  const JoinedSource both(model.source, source);
  Checkpoint checkpoint = model.checkpoint;
  {
    const MemoryMeter meter;
    Status joined = join_lora(checkpoint, both, {});
    if (!joined && joined.error().kind == ErrorKind::kInvalidArgument)
      joined = join_lora(checkpoint, both, {.alpha = 4});
    if (std::string broken = broken_promise(meter, twice(kPickleFactor * bytes.size())); !broken.empty())
      return broken;
    if (!joined && joined.error().kind == ErrorKind::kBadModel)
      return joined.error().message.starts_with("adapters: ") ? "" : "an error without the name";
    if (!joined) return rwkv::broken_promise(joined.error(), source);
  }
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (tensor.offset > both.size() || tensor.bytes > both.size() - tensor.offset)
      return printable(name) + ": lies outside the files";
    if (!std::isfinite(tensor.scale) && tensor.bytes > 0) return printable(name) + ": has no scale";
  }
  good = true;
  return broken_promise_of_loading(checkpoint, false, good);
}

}  // namespace

const Reader lora = {"lora", seeds, check};

}  // namespace rwkv::fuzz
