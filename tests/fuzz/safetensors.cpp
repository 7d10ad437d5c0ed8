#include "fuzz/model_file.h"
#include "fuzz/reader.h"
#include "fuzz/tiny_models.h"

namespace rwkv::fuzz {
namespace {

Bytes file_of(std::string_view header, uint64_t data_bytes) {
  Bytes file;
  put_le(file, uint64_t{header.size()});
  put(file, header);
  const Bytes data = tiny_halves((data_bytes + 1) / 2);
  file.insert(file.end(), data.begin(), data.begin() + ptrdiff_t(data_bytes));
  return file;
}

Bytes safetensors_of(const std::vector<TinyTensor>& tensors) {
  std::string header;
  uint64_t end = 0;
  for (const TinyTensor& tensor : tensors) {
    std::string shape, offsets = std::to_string(end) + ',' + std::to_string(end + 2 * tensor.count());
    for (const int64_t size : tensor.shape) shape += (shape.empty() ? "" : ",") + std::to_string(size);
    header += (header.empty() ? "{\"" : ",\"") + tensor.name + R"(":{"dtype":"F16","shape":[)" + shape +
              R"(],"data_offsets":[)" + offsets + "]}";
    end += 2 * tensor.count();
  }
  return file_of(header + "}", end);
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> files = {
      file_of(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"__metadata__":{"x":"y"}} )", 24),
      file_of(R"({"a":{"shape":[],"dtype":"BF16","data_offsets":[0,2]},"b":{"dtype":"F16","shape":[0,7],)"
              R"("data_offsets":[2,2],"c":[{"d":null}]}})",
              2),
      file_of(R"({"__metadata__":{"rwkv_wasm_blocks":"q8_0"},"a":{"dtype":"U8","shape":[2,34],)"
              R"("data_offsets":[0,68]}})",
              68)};
  for (const Version version : {Version::k4, Version::k5_2, Version::k6, Version::k7})
    files.push_back(safetensors_of(tiny_model(version)));
  return files;
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  return broken_promise(open_checkpoint, bytes, 8, good);
}

}  // namespace

const Reader safetensors = {"safetensors", seeds, check};

}  // namespace rwkv::fuzz
