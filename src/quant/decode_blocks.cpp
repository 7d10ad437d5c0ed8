#include "quant/decode_blocks.h"

#include <cstring>

namespace rwkv {
namespace {

float half_at(const uint8_t* p) { return half_to_float(uint16_t(p[0] | p[1] << 8)); }

// Q4_0, Q5_0: x = d (q - 2^(bits - 1)); Q4_1, Q5_1: x = d q + m. Bytes: d, m, the fifth bits of all 32
// values, the low four bits, value i beside value 16 + i. m and the fifth bits only where the type has them.
void decode_32(const uint8_t* p, bool has_min, bool five_bits, float* out) {
  const float d = half_at(p);
  const float m = has_min ? half_at(p + 2) : -0.0f;  // adding -0 changes nothing, not even a zero's sign
  const int zero = has_min ? 0 : five_bits ? 16 : 8;
  p += has_min ? 4 : 2;
  uint32_t fifth = 0;
  if (five_bits) {
    std::memcpy(&fifth, p, sizeof fifth);
    p += sizeof fifth;
  }
  for (int i = 0; i < 16; ++i) {
    const int low = (p[i] & 15) | (fifth >> i & 1) << 4, high = p[i] >> 4 | (fifth >> (16 + i) & 1) << 4;
    out[i] = float(low - zero) * d + m;
    out[16 + i] = float(high - zero) * d + m;
  }
}

// Q4_K, Q5_K: 8 parts of 32 values, x = (d s) q - (dmin m), s and m of 6 bits. Bytes: d, dmin, 12 of s and m,
// the fifth bits (bit j of byte i is of part j's value i), the low four bits, parts 2 j and 2 j + 1 beside
// each other.
void decode_k4_k5(const uint8_t* p, bool five_bits, float* out) {
  const float d = half_at(p), dmin = half_at(p + 2);
  const uint8_t *packed = p + 4, *fifth = p + 16, *low = p + (five_bits ? 48 : 16);
  for (int part = 0; part < 8; ++part, out += 32) {
    // Parts 0-3 have s in the low 6 bits of bytes 0-3 and m in those of bytes 4-7. Of parts 4-7, bytes 8-11
    // hold the low 4 bits of s and m, the high 2 bits of bytes 0-3 and 4-7 the rest.
    const uint8_t s_byte = packed[part & 3], m_byte = packed[4 + (part & 3)], both = packed[8 + (part & 3)];
    const int s = part < 4 ? s_byte & 63 : (both & 15) | s_byte >> 6 << 4;
    const int m = part < 4 ? m_byte & 63 : both >> 4 | m_byte >> 6 << 4;
    const float scale = d * float(s), minimum = dmin * float(m);
    uint8_t q[32];  // apart from `out`, so that the compiler may take several at a time
    for (int i = 0; i < 32; ++i) q[i] = low[part / 2 * 32 + i] >> part % 2 * 4 & 15;
    for (int i = 0; five_bits && i < 32; ++i) q[i] |= (fifth[i] >> part & 1) << 4;
    for (int i = 0; i < 32; ++i) out[i] = scale * float(q[i]) - minimum;
  }
}

// Q6_K: 16 parts of 16 values, x = (d s) (q - 32), s an int8. Bytes: 128 of the low four bits, 64 of the high
// two, 16 of s, d. Both halves of the block lie one after the other; within a half, byte i holds bits of
// values i, i + 32, i + 64, i + 96.
void decode_k6(const uint8_t* p, float* out) {
  const float d = half_at(p + 208);
  for (int quarter = 0; quarter < 8; ++quarter, out += 32) {
    const int half = quarter / 4, within = quarter % 4;
    const uint8_t *low = p + 64 * half + 32 * (within & 1), *high = p + 128 + 32 * half;
    const float scales[] = {d * float(int8_t(p[192 + 2 * quarter])), d * float(int8_t(p[193 + 2 * quarter]))};
    uint8_t q[32];
    for (int i = 0; i < 32; ++i)
      q[i] = uint8_t((low[i] >> within / 2 * 4 & 15) | (high[i] >> 2 * within & 3) << 4);
    for (int i = 0; i < 32; ++i) out[i] = scales[i / 16] * float(q[i] - 32);
  }
}

}  // namespace

void decode_block(DType dtype, const std::byte* block, float* out) {
  const auto* p = reinterpret_cast<const uint8_t*>(block);
  switch (dtype) {
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
      return decode_32(p, dtype == DType::kQ4_1 || dtype == DType::kQ5_1,
                       dtype == DType::kQ5_0 || dtype == DType::kQ5_1, out);
    case DType::kQ4_K:
    case DType::kQ5_K:
      return decode_k4_k5(p, dtype == DType::kQ5_K, out);
    case DType::kQ6_K:
      return decode_k6(p, out);
    default:
      assert(false);
  }
}

}  // namespace rwkv
