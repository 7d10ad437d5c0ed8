// Our own files: safetensors whose metadata tells what U8 tensors are.
#include "fuzz/model_file.h"
#include "fuzz/reader.h"
#include "fuzz/tiny_models.h"

namespace rwkv::fuzz {
namespace {

Bytes packed_of(Version version, int C, Quantization quantization) {
  return packed_file(OpenFile(write_safetensors(tiny_model(version, C))).checkpoint, quantization);
}

std::vector<Bytes> seeds() {
  return {packed_of(Version::k4, 8, Quantization::kF16), packed_of(Version::k7, 8, Quantization::kF16),
          packed_of(Version::k6, 8, Quantization::kF32), packed_of(Version::k4, 32, Quantization::kQ8),
          packed_of(Version::k4, 32, Quantization::kQ4)};
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  return broken_promise(open_checkpoint, bytes, 8, good);
}

}  // namespace

const Reader packed = {"packed", seeds, check};

}  // namespace rwkv::fuzz
