#include "formats/pickle_writer.h"
#include "formats/zip_writer.h"
#include "fuzz/model_file.h"
#include "fuzz/reader.h"
#include "fuzz/tiny_models.h"

namespace rwkv::fuzz {
namespace {

// All tensors begin where the only storage begins, which keeps the file small.
Bytes pth_of(const std::vector<TinyTensor>& tensors, std::string_view storage = "HalfStorage",
             const ZipLayout& layout = {}) {
  uint64_t elements = 1;
  for (const TinyTensor& tensor : tensors) elements = std::max(elements, tensor.count());
  std::vector<TensorPickle> items;
  for (const TinyTensor& tensor : tensors) {
    TensorPickle item{.name = tensor.name, .storage = std::string(storage), .elements = int64_t(elements)};
    item.shape = tensor.shape;
    item.strides = tensor.shape;
    int64_t stride = 1;
    for (size_t i = tensor.shape.size(); i-- > 0; stride *= tensor.shape[i]) item.strides[i] = stride;
    items.push_back(item);
  }
  Bytes data = tiny_halves(elements);
  if (storage == "FloatStorage") data.resize(2 * data.size());
  return zip_of({{"m/data.pkl", PickleWriter::dict(items)},
                 {"m/byteorder", to_bytes("little")},
                 {"m/data/0", data, 64, 0, 0, layout.zip64}},
                layout);
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> files = {pth_of({{"w", {2, 3}}}), pth_of({{"a", {4}}, {"b", {}}}, "FloatStorage"),
                              pth_of({{"w", {1, 1, 4}}}, "BFloat16Storage", {.zip64 = true})};
  for (const Version version :
       {Version::k4, Version::k5_0, Version::k5_1, Version::k5_2, Version::k6, Version::k7})
    files.push_back(pth_of(tiny_model(version)));
  files.push_back(pth_of(tiny_model(Version::k4, 32)));  // quantised in blocks
  files.push_back(pth_of(tiny_model(Version::k7, 8, 2)));
  return files;
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  return broken_promise(open_checkpoint, bytes, kPickleFactor, good);
}

}  // namespace

const Reader pth = {"pth", seeds, check};

}  // namespace rwkv::fuzz
