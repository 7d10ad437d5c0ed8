// Small .pth files, and what the reader says to wrong ones.
#pragma once

#include <catch_amalgamated.hpp>
#include <cmath>

#include "formats/checkpoint.h"
#include "formats/containers/pickle_writer.h"
#include "formats/containers/zip_writer.h"
#include "formats/hostile.h"
#include "formats/tensor_values.h"
#include "support.h"

namespace rwkv::pth_samples {

using Catch::Matchers::ContainsSubstring;

inline Bytes counting(size_t count) {
  Bytes bytes(count);
  for (size_t k = 0; k < count; ++k) bytes[k] = static_cast<std::byte>(k);
  return bytes;
}

inline Bytes pth_of(const Bytes& pickle, size_t storage_bytes = 64, std::string_view order = "little") {
  std::vector<ZipPart> parts = {{"tales/data.pkl", pickle, 64},
                                {"tales/data/0", counting(storage_bytes), 64}};
  if (!order.empty()) parts.push_back({"tales/byteorder", to_bytes(order)});
  parts.push_back({"tales/version", to_bytes("3\n")});
  return zip_of(parts);
}

inline TensorPickle tensor(std::string name, std::vector<int64_t> shape, std::vector<int64_t> strides,
                           int64_t offset = 0) {
  return {.name = std::move(name),
          .elements = 32,
          .offset = offset,
          .shape = std::move(shape),
          .strides = std::move(strides)};
}

inline std::string refusal_of_file(const Bytes& bytes, ErrorKind kind = ErrorKind::kBadFile) {
  const MemorySource source("tales.pth", bytes);
  const Result<Checkpoint> file = open_pth(source);
  if (file) return "";
  CHECK(file.error().kind == kind);
  return file.error().message;
}

inline std::string refusal(const TensorPickle& t, ErrorKind kind = ErrorKind::kBadFile) {
  return refusal_of_file(pth_of(PickleWriter::dict({t})), kind);
}

// Slow and true, element i of a tensor's bytes.
inline float value(const Tensor& tensor, std::span<const std::byte> bytes, size_t i) {
  if (tensor.dtype == DType::kF32) return reinterpret_cast<const float*>(bytes.data())[i];
  const int bits = std::to_integer<int>(bytes[2 * i]) | std::to_integer<int>(bytes[2 * i + 1]) << 8;
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  const bool half = tensor.dtype == DType::kF16;
  const int fraction_bits = half ? 10 : 7, bias = half ? 15 : 127;
  const int exponent = (bits & 0x7FFF) >> fraction_bits, fraction = bits & ((1 << fraction_bits) - 1);
  const int significand = exponent ? fraction | 1 << fraction_bits : fraction;
  return sign * std::ldexp(static_cast<float>(significand), std::max(exponent, 1) - bias - fraction_bits);
}

}  // namespace rwkv::pth_samples
