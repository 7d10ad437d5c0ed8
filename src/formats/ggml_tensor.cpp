#include "formats/ggml_tensor.h"

#include <algorithm>

#include "formats/containers/bytes.h"
#include "quant/dtype.h"

namespace rwkv {

Result<DType> ggml_type(const Source& source, std::string_view tensor, std::span<const char* const> names,
                        uint32_t type) {
  const char* name = type < names.size() ? names[type] : nullptr;
  if (!name) return bad_file(source, printable(tensor) + ": unknown tensor type " + std::to_string(type));
  for (const DTypeRow& ours : kDTypes)
    if (std::string_view(ours.name) == name) return ours.dtype;
  return unsupported(source, printable(tensor) + ": tensor type " + name + " is not supported");
}

Result<Tensor> ggml_tensor(const Source& source, std::string name, DType dtype, Shape shape,
                           uint64_t offset) {
  constexpr uint64_t kMost = uint64_t{1} << 50;
  const auto bad = [&](const std::string& why) {
    return bad_file(source, printable(name) + ": " + dtype_name(dtype) + " " + to_string(shape) + why);
  };
  if (std::any_of(shape.begin(), shape.end(), [](int64_t size) { return size < 1; }))
    return bad(", expected sizes of at least 1");
  const std::optional<uint64_t> count = element_count(shape);
  if (!count || *count > kMost) return bad(" is too large");
  const uint64_t block = block_size(dtype).elements, row = shape.empty() ? 1 : uint64_t(shape.back());
  if (row % block != 0) return bad(", expected rows of whole blocks of " + std::to_string(block));
  Tensor tensor{std::move(name), dtype, std::move(shape), offset};
  tensor.bytes = bytes_of(dtype, *count);
  return tensor;
}

}  // namespace rwkv
