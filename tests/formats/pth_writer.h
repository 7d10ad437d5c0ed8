// Writes .pth files as torch.save does, plainly or with everything about them that may be different.
#pragma once

#include <map>

#include "formats/containers/pickle_writer.h"
#include "formats/containers/zip_writer.h"
#include "formats/file_tensor.h"

namespace rwkv {

struct PthOptions {
  bool one_storage = false;   // all tensors of a type in one, after eight bytes that belong to none
  bool turned_views = false;  // matrices lie turned in their storages, strides set them right
  bool reversed = false;      // the entries of the zip and of the dict from last to first
  bool zip64 = false;         // sizes, offsets and the directory's end in 64 bits
  bool is_recent = false;     // with the entries that torch has added since 2.1
  std::string folder = "tales";
};

inline const char* storage_name(DType dtype) {
  return dtype == DType::kF32 ? "FloatStorage" : dtype == DType::kF16 ? "HalfStorage" : "BFloat16Storage";
}

inline std::vector<int64_t> contiguous_strides(const Shape& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

inline Bytes write_pth(const std::vector<FileTensor>& tensors, const PthOptions& options = {}) {
  std::vector<TensorPickle> dict;
  std::vector<std::pair<std::string, Bytes>> storages;  // key, bytes
  std::map<DType, size_t> shared;                       // index in `storages`
  for (const FileTensor& tensor : tensors) {
    const bool is_turned = options.turned_views && tensor.shape.size() >= 2;
    const FileTensor lying = is_turned ? turned(tensor) : tensor;
    std::vector<int64_t> strides = contiguous_strides(lying.shape);
    if (is_turned) std::swap(strides[strides.size() - 1], strides[strides.size() - 2]);

    const auto next = shared.try_emplace(tensor.dtype, storages.size());
    const bool is_new = !options.one_storage || next.second;
    const size_t index = options.one_storage ? next.first->second : storages.size();
    if (is_new) storages.emplace_back(std::to_string(index), Bytes(options.one_storage ? 8 : 0));
    Bytes& bytes = storages[index].second;
    dict.push_back({.name = tensor.name,
                    .storage = storage_name(tensor.dtype),
                    .key = storages[index].first,
                    .offset = int64_t(bytes.size() / tensor.element_bytes()),
                    .shape = tensor.shape,
                    .strides = std::move(strides)});
    bytes.insert(bytes.end(), lying.data.begin(), lying.data.end());
  }
  for (TensorPickle& t : dict) {
    const size_t element = t.storage == "FloatStorage" ? 4 : 2;
    t.elements = int64_t(storages[size_t(std::stoi(t.key))].second.size() / element);
  }
  if (options.reversed) std::reverse(dict.begin(), dict.end());

  const auto part = [&](const std::string& name, Bytes data) {
    return ZipPart{options.folder + "/" + name, std::move(data), 64, 0, 0, options.zip64};
  };
  std::vector<ZipPart> parts = {part("data.pkl", PickleWriter::dict(dict))};
  if (options.is_recent) {
    parts.push_back(part(".format_version", to_bytes("1")));
    parts.push_back(part(".storage_alignment", to_bytes("64")));
    parts.push_back(part("byteorder", to_bytes("little")));
  }
  for (auto& [key, bytes] : storages) parts.push_back(part("data/" + key, std::move(bytes)));
  parts.push_back(part("version", to_bytes("3\n")));
  if (options.is_recent)
    parts.push_back(part(".data/serialization_id", to_bytes("0636067890123456789012345678901234567890")));
  if (options.reversed) std::reverse(parts.begin(), parts.end());
  return zip_of(parts, {.zip64 = options.zip64});
}

}  // namespace rwkv
