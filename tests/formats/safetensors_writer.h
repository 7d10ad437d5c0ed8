// Builds safetensors files in memory.
#pragma once

#include "support.h"
#include "tensor.h"

namespace rwkv {

struct SafetensorsPart {
  std::string name;
  DType dtype = DType::kF32;  // or F16, BF16: those whose name the format shares
  Shape shape = {};
  Bytes data = {};
};

inline Bytes safetensors_of(const std::vector<SafetensorsPart>& parts) {
  std::string header = "{";
  uint64_t at = 0;
  for (const SafetensorsPart& part : parts) {
    std::string shape;
    for (const int64_t size : part.shape) shape += (shape.empty() ? "" : ",") + std::to_string(size);
    header += (at || header != "{" ? ",\"" : "\"") + part.name + "\":{\"dtype\":\"" + dtype_name(part.dtype) +
              "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(at) + "," +
              std::to_string(at + part.data.size()) + "]}";
    at += part.data.size();
  }
  header += "}";
  Bytes file;
  put_le(file, uint64_t(header.size()));
  put(file, header);
  for (const SafetensorsPart& part : parts) file.insert(file.end(), part.data.begin(), part.data.end());
  return file;
}

}  // namespace rwkv
