// Floats -> bytes of any element type of ggml, each value to the nearest that its block can hold.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "quant/dtype.h"
#include "support.h"

namespace rwkv {

namespace block_writer {

inline int nearest(float x, int low, int high) {
  return std::isfinite(x) ? int(std::clamp(std::nearbyint(x), float(low), float(high))) : 0;
}

// The half nearest to x, written to p; its value.
inline float put_half(float x, uint8_t* p) {
  const uint16_t half = float_to_half(x);
  std::memcpy(p, &half, sizeof half);
  return half_to_float(half);
}

// Q4_0, Q4_1, Q5_0, Q5_1: 32 values, x = d (q - 2^(bits - 1)) or d q + m.
inline void put_32(const float* x, bool has_min, int bits, uint8_t* p) {
  const auto [low, high] = std::minmax_element(x, x + 32);
  const float most = -*low > *high ? *low : *high;  // of the largest magnitude, with its sign
  const int levels = 1 << bits, zero = has_min ? 0 : levels / 2;
  const float d = put_half(has_min ? (*high - *low) / float(levels - 1) : most / float(-zero), p);
  const float m = has_min ? put_half(*low, p + 2) : 0;
  p += has_min ? 4 : 2;
  uint8_t* fifth = p;
  if (bits == 5) p += 4;
  for (int i = 0; i < 32; ++i) {
    const int q = nearest((x[i] - m) / d, -zero, levels - 1 - zero) + zero;
    p[i % 16] |= uint8_t((q & 15) << i / 16 * 4);
    if (bits == 5) fifth[i / 8] |= uint8_t(q >> 4 << i % 8);
  }
}

// Q4_K, Q5_K: 256 values in parts of 32, x = d s q - dmin m, s and m of six bits.
inline void put_k4_k5(const float* x, int bits, uint8_t* p) {
  const float levels = float((1 << bits) - 1);
  float scales[8], minima[8];
  for (int part = 0; part < 8; ++part) {
    const auto [low, high] = std::minmax_element(x + 32 * part, x + 32 * part + 32);
    minima[part] = std::max(-*low, 0.0f);
    scales[part] = (*high + minima[part]) / levels;
  }
  const float d = put_half(*std::max_element(scales, scales + 8) / 63, p);
  const float dmin = put_half(*std::max_element(minima, minima + 8) / 63, p + 2);
  for (int part = 0; part < 8; ++part) {
    const int s = nearest(scales[part] / d, 0, 63), m = nearest(minima[part] / dmin, 0, 63);
    if (part < 4) {
      p[4 + part] |= uint8_t(s), p[8 + part] |= uint8_t(m);
    } else {
      p[8 + part] |= uint8_t((s & 15) | m << 4);
      p[part] |= uint8_t(s >> 4 << 6), p[4 + part] |= uint8_t(m >> 4 << 6);
    }
    for (int i = 0; i < 32; ++i) {
      const int q = nearest((x[32 * part + i] + dmin * float(m)) / (d * float(s)), 0, int(levels));
      p[(bits == 5 ? 48 : 16) + part / 2 * 32 + i] |= uint8_t((q & 15) << part % 2 * 4);
      if (bits == 5) p[16 + i] |= uint8_t(q >> 4 << part);
    }
  }
}

// Q6_K: 256 values in parts of 16, x = d s (q - 32).
inline void put_k6(const float* x, uint8_t* p) {
  float scales[16];
  for (int part = 0; part < 16; ++part) {
    const auto [low, high] = std::minmax_element(x + 16 * part, x + 16 * part + 16);
    scales[part] = std::max(-*low, *high) / 31;
  }
  const float d = put_half(*std::max_element(scales, scales + 16) / 127, p + 208);
  for (int i = 0; i < 256; ++i) {
    const int s = nearest(scales[i / 16] / d, 0, 127), q = nearest(x[i] / (d * float(s)), -32, 31) + 32;
    const int half = i / 128, quarter = i % 128 / 32;
    p[192 + i / 16] = uint8_t(s);
    p[64 * half + i % 64] |= uint8_t((q & 15) << quarter / 2 * 4);
    p[128 + 32 * half + i % 32] |= uint8_t(q >> 4 << 2 * quarter);
  }
}

}  // namespace block_writer

// REQUIRES: whole blocks, not a packed type.
inline Bytes encode_as(DType dtype, const std::vector<float>& values) {
  Bytes bytes(size_t(bytes_of(dtype, values.size())));
  const BlockSize block = block_size(dtype);
  auto* p = reinterpret_cast<uint8_t*>(bytes.data());
  for (size_t i = 0; i < values.size(); i += block.elements, p += block.bytes) {
    const float* x = &values[i];
    switch (dtype) {
      case DType::kQ4_0:
      case DType::kQ4_1:
        block_writer::put_32(x, dtype == DType::kQ4_1, 4, p);
        break;
      case DType::kQ5_0:
      case DType::kQ5_1:
        block_writer::put_32(x, dtype == DType::kQ5_1, 5, p);
        break;
      case DType::kQ4_K:
      case DType::kQ5_K:
        block_writer::put_k4_k5(x, dtype == DType::kQ5_K ? 5 : 4, p);
        break;
      case DType::kQ6_K:
        block_writer::put_k6(x, p);
        break;
      default:
        encode(dtype, values, bytes.data());
        return bytes;
    }
  }
  return bytes;
}

}  // namespace rwkv
