// Our own packed files: safetensors with matrices in kernel layout. packed.md tells all of the format;
// safetensors.cpp reads them, model/conversion.h writes them.
#pragma once

#include <map>
#include <string>

#include "formats/checkpoint.h"

namespace rwkv {

constexpr uint64_t kPackedVersion = 2;
constexpr const char* kPackedVersionKey = "rwkv_wasm_version";
constexpr const char* kPackedQuantizationKey = "rwkv_wasm_quantization";
constexpr const char* kPackedEpsKey = "rwkv_wasm_eps";
constexpr const char* kPackedVocabularyKey = "rwkv_wasm_vocabulary";
constexpr const char* kPackedChecksumsKey = "rwkv_wasm_checksums";
constexpr const char* kPackedPieceKey = "rwkv_wasm_piece_bytes";
constexpr const char* kPackedSamplingKey = "rwkv_wasm_sampling";
constexpr size_t kMaxSamplingBytes = 400;

// Words with blanks between, or nothing: "temperature 1 topP 0.6". What they mean is the package's to know.
bool is_sampling(std::string_view text);

// The tensors that have bytes, by their place in the file.
std::vector<const Tensor*> in_order(const Checkpoint& checkpoint);

using Metadata = std::map<std::string, std::string, std::less<>>;

// "q8 3072 768", "f16.T 64 768" (of the transpose, shape (768, 64)), "Q8_0 65536 768".
std::string packed_description(DType dtype, const Shape& shape, bool is_transposed);

// Makes of the U8 tensors what the metadata says they are, and of the checkpoint a packed one where it says
// so; its data begins behind so many bytes. Errors: kBadFile (a description that does not fit the bytes),
// kUnsupported (another version, U8 tensors without a description).
Status apply_packed_metadata(const Metadata& metadata, uint64_t header_bytes, Checkpoint& checkpoint);

}  // namespace rwkv
