#include "formats/ggml_writer.h"

#include "fuzz/model_file.h"
#include "fuzz/reader.h"
#include "fuzz/tiny_models.h"

namespace rwkv::fuzz {
namespace {

Bytes ggml_of(Version version, DType matrices, int C = 8) {
  return write_ggml(OpenFile(write_safetensors(tiny_model(version, C))).checkpoint, {.matrices = matrices});
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> files;
  for (const Version version :
       {Version::k4, Version::k5_0, Version::k5_1, Version::k5_2, Version::k6, Version::k7})
    files.push_back(ggml_of(version, DType::kF16));
  files.push_back(ggml_of(Version::k4, DType::kQ5_1, 32));
  return files;
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  return broken_promise(open_checkpoint, bytes, 8, good);
}

}  // namespace

const Reader ggml = {"ggml", seeds, check};

}  // namespace rwkv::fuzz
