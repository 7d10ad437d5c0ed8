// Writes safetensors files, in the authors' names or as other projects' converters name and turn them.
#pragma once

#include "formats/styles.h"

namespace rwkv {

inline Bytes write_safetensors(const std::vector<FileTensor>& tensors) {
  std::string header = R"({"__metadata__":{"format":"pt"})";
  Bytes data;
  for (const FileTensor& tensor : tensors) {
    header += ",\"" + tensor.name + R"(":{"dtype":")" + dtype_name(tensor.dtype) + R"(","shape":[)";
    for (size_t i = 0; i < tensor.shape.size(); ++i)
      header += (i ? "," : "") + std::to_string(tensor.shape[i]);
    header += R"(],"data_offsets":[)" + std::to_string(data.size());
    data.insert(data.end(), tensor.data.begin(), tensor.data.end());
    header += "," + std::to_string(data.size()) + "]}";
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');  // so that the data is aligned

  Bytes file;
  put_le(file, uint64_t{header.size()});
  put(file, header);
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

inline Bytes write_official(const Checkpoint& file) { return write_safetensors(read_tensors(file)); }

inline Bytes write_web_rwkv(const Checkpoint& file) {
  return write_safetensors(in_web_rwkv_style(read_tensors(file)));
}

inline Bytes write_hugging_face(const Checkpoint& file) {
  return write_safetensors(in_hugging_face_style(read_tensors(file)));
}

inline Bytes write_fla(const Checkpoint& file) { return write_safetensors(in_fla_style(read_tensors(file))); }

}  // namespace rwkv
