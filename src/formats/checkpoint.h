// A model file, whatever its format: names -> Tensor, and their bytes on demand.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "formats/source.h"
#include "result.h"
#include "tensor.h"

namespace rwkv {

// A vocabulary inside a model file: `count` strings at [offset, offset + bytes) of the source, each a u64
// length and so many bytes; the index is the token id. GGUF keeps it so.
struct EmbeddedVocabulary {
  // One word, tokenizer.ggml.model: "rwkv", whose strings are escaped as in Python; empty: none here.
  std::string kind;
  uint64_t offset = 0, bytes = 0, count = 0;
};

// Where the checksums of a file lie, [offset, offset + bytes), and what they are of: the header, then the tensors by
// their place (checksums.h). Without ranges there are none.
struct Checksums {
  struct Range {
    uint64_t offset, bytes, first;  // of a tensor; the number of its first checksum
  };
  uint64_t offset = 0, bytes = 0, header_bytes = 0;
  std::vector<Range> ranges = {};
};

// The directory of a model file under the authors' tensor names. Every tensor lies inside the file and its
// size agrees with its shape and dtype: readers promise it, nothing after them checks again. The source must
// outlive it.
struct Checkpoint {
  const Source* source = nullptr;
  std::map<std::string, Tensor, std::less<>> tensors = {};
  // What cannot be read, by its name in the file: what it is, "torch.LongStorage", as the name of an empty tensor.
  std::map<std::string, Tensor, std::less<>> foreign = {};
  const char* format = "";        // "pth", "safetensors", "GGUF", "rwkv.cpp", "rwkv-wasm"
  float group_norm_eps = 64e-5f;  // of versions 5 to 7; a property of the dialect
  int most_layers = 1 << 20;      // those above are not read
  EmbeddedVocabulary vocabulary = {};
  Checksums checksums = {};    // of our own packed files
  std::string packed_as = {};  // of our own packed files: the quantization that they were made for, "q8"
  std::string sampling = {};   // of them too: what suits the model (packed.h, is_sampling)

  // nullptr where there is none.
  const Tensor* find(std::string_view name) const;
  // Why not: "missing", or what is there instead.
  std::string why_not(std::string_view name) const;
  // Enters what cannot be read, as long as there are not too many.
  void set_aside(const std::string& name, std::string what);
  // The tensor's bytes, read into `buffer`, which grows as needed. Errors: kReadFailed, kOutOfMemory.
  Result<std::span<const std::byte>> read(const Tensor& tensor, Buffer& buffer) const;
};

// What a file is opened for: LoRA adapters are refused where a model is wanted.
enum class Holds : uint8_t { kModel, kAdapters };

// Reads the directory of a .pth (torch zip), .safetensors, GGUF or rwkv.cpp file, told apart by their first
// bytes, the first two in any of the naming styles of dialects/dialect.h; reads no weights. Errors: kBadFile
// (not such a file, truncated, inconsistent), kUnsupported (a format or feature this version lacks),
// kReadFailed, kOutOfMemory. Messages name the file, the tensor, what was expected and what was found.
Result<Checkpoint> open_checkpoint(const Source& source);
Result<Checkpoint> open_adapters(const Source& source);  // the same of a file of adapters

// The readers behind it; each decides nothing by the file's name. Tensors have the names of the file.
Result<Checkpoint> open_safetensors(const Source& source);
Result<Checkpoint> open_pth(const Source& source);
Result<Checkpoint> open_gguf(const Source& source);
Result<Checkpoint> open_ggml(const Source& source);

}  // namespace rwkv
