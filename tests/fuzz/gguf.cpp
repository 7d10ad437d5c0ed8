#include "formats/gguf_writer.h"

#include "fuzz/model_file.h"
#include "fuzz/reader.h"
#include "fuzz/tiny_models.h"

namespace rwkv::fuzz {
namespace {

Bytes gguf_of(Version version, const GgufOptions& options, int C = 8) {
  return write_gguf(OpenFile(write_safetensors(tiny_model(version, C))).checkpoint, options);
}

std::vector<Bytes> seeds() {
  const std::vector<std::string> tokens = {"<s>",    "a",      "\\n", "\\xc3\\xa9", "ab",
                                           "it\\'s", "[PAD6]", "",    "b"};
  GgufFile small{.pairs = {gguf_string("general.architecture", "rwkv7"), gguf_u32("rwkv7.wkv.head_size", 4),
                           gguf_strings("a", {"b", "c"})},
                 .tensors = {{.name = "output_norm.bias", .shape = {2}, .data = Bytes(8)}}};
  return {small.bytes(), gguf_of(Version::k6, {.matrices = DType::kF16, .fused = false, .version = 2}),
          gguf_of(Version::k6, {.matrices = DType::kBF16, .rescale_every = 1, .alignment = 64}),
          gguf_of(Version::k7, {.matrices = DType::kF16, .tokens = tokens}),
          gguf_of(Version::k7, {.matrices = DType::kQ4_0, .tokenizer = "gpt2", .tokens = tokens}, 32)};
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  return broken_promise(open_checkpoint, bytes, 8, good);
}

}  // namespace

const Reader gguf = {"gguf", seeds, check};

}  // namespace rwkv::fuzz
