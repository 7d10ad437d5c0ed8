// Tensors as ggml describes them, in GGUF and rwkv.cpp files.
#pragma once

#include "formats/source.h"
#include "result.h"
#include "tensor.h"

namespace rwkv {

// Our type for number `type` of a format whose types, in the order of their numbers, have these names;
// nullptr where a number is free. Errors: kUnsupported, kBadFile.
Result<DType> ggml_type(const Source& source, std::string_view tensor, std::span<const char* const> names,
                        uint32_t type);

// The tensor with its size in bytes: at least one element and at most 2^50, rows of whole blocks. Where it
// lies is not checked. Errors: kBadFile.
Result<Tensor> ggml_tensor(const Source& source, std::string name, DType dtype, Shape shape, uint64_t offset);

}  // namespace rwkv
