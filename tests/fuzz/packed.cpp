// Our own files: safetensors whose metadata tells what U8 tensors are.
#include "fuzz/model_file.h"
#include "fuzz/reader.h"
#include "fuzz/tiny_models.h"

namespace rwkv::fuzz {
namespace {

std::vector<Bytes> seeds() {
  std::vector<Bytes> files;
  const auto add = [&](const std::vector<TinyTensor>& tensors, Quantization quantization) {
    const Bytes file = tiny_safetensors(tensors);
    const MemorySource source("model", file);
    if (const auto checkpoint = open_checkpoint(source))
      files.push_back(packed_file(*checkpoint, quantization));
  };
  add(tiny_model(Version::k4), Quantization::kF16);
  add(tiny_model(Version::k7), Quantization::kF16);
  add(tiny_model(Version::k6), Quantization::kF32);
  add(tiny_model(Version::k4, 32), Quantization::kQ8);
  files.push_back(safetensors_of(R"({"__metadata__":{"a":"Q8_0 2 32"},"a":{"dtype":"U8","shape":[68],)"
                                 R"("data_offsets":[0,68]}})",
                                 68));
  return files;
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  return broken_promise(open_checkpoint, bytes, 8, good);
}

}  // namespace

const Reader packed = {"packed", seeds, check};

}  // namespace rwkv::fuzz
