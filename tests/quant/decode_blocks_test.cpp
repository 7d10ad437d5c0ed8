#include <catch_amalgamated.hpp>
#include <cmath>
#include <cstring>

#include "formats/block_writer.h"
#include "quant/dtype.h"
#include "reference.h"
#include "support.h"

using namespace rwkv;

namespace {

// A block as a bit string and what its value i is, written down from the types' descriptions, value by value.
struct Block {
  const uint8_t* bytes;

  float half(int at) const { return half_to_float(uint16_t(bytes[at] + 256 * bytes[at + 1])); }
  // `count` bits from bit `at` of byte `byte` on.
  int bits(int byte, int at, int count) const { return bytes[byte] / (1 << at) % (1 << count); }
  int signed_byte(int byte) const { return bytes[byte] < 128 ? bytes[byte] : bytes[byte] - 256; }
};

float q4_0(Block b, int i) { return float(b.bits(2 + i % 16, i / 16 * 4, 4) - 8) * b.half(0); }
float q4_1(Block b, int i) { return float(b.bits(4 + i % 16, i / 16 * 4, 4)) * b.half(0) + b.half(2); }
float q5_0(Block b, int i) {
  return float(b.bits(6 + i % 16, i / 16 * 4, 4) + 16 * b.bits(2 + i / 8, i % 8, 1) - 16) * b.half(0);
}
float q5_1(Block b, int i) {
  return float(b.bits(8 + i % 16, i / 16 * 4, 4) + 16 * b.bits(4 + i / 8, i % 8, 1)) * b.half(0) + b.half(2);
}

// The 6-bit factors of K-types: number `part` of the scales (which = 0) or of the minima (which = 1).
int factor(Block b, int part, int which) {
  if (part < 4) return b.bits(4 + 4 * which + part, 0, 6);
  return b.bits(12 + part - 4, 4 * which, 4) + 16 * b.bits(4 + 4 * which + part - 4, 6, 2);
}
float k4_k5(Block b, int i, int q) {
  const float scale = b.half(0) * float(factor(b, i / 32, 0)),
              minimum = b.half(2) * float(factor(b, i / 32, 1));
  return scale * float(q) - minimum;
}
float q4_k(Block b, int i) { return k4_k5(b, i, b.bits(16 + i / 64 * 32 + i % 32, i / 32 % 2 * 4, 4)); }
float q5_k(Block b, int i) {
  return k4_k5(b, i,
               b.bits(48 + i / 64 * 32 + i % 32, i / 32 % 2 * 4, 4) + 16 * b.bits(16 + i % 32, i / 32, 1));
}
float q6_k(Block b, int i) {
  const int half = i / 128, within = i % 128;
  const int q = b.bits(64 * half + within % 64, within / 64 * 4, 4) +
                16 * b.bits(128 + 32 * half + within % 32, within / 32 * 2, 2);
  return b.half(208) * float(b.signed_byte(192 + i / 16)) * float(q - 32);
}

struct Type {
  DType dtype;
  float (*value)(Block, int);
  std::vector<int> halves;  // where the block has them
};
const Type kTypes[] = {{DType::kQ4_0, q4_0, {0}},    {DType::kQ4_1, q4_1, {0, 2}},
                       {DType::kQ5_0, q5_0, {0}},    {DType::kQ5_1, q5_1, {0, 2}},
                       {DType::kQ4_K, q4_k, {0, 2}}, {DType::kQ5_K, q5_k, {0, 2}},
                       {DType::kQ6_K, q6_k, {208}}};

std::vector<float> decoded(DType dtype, const std::vector<uint8_t>& bytes) {
  const auto [elements, size] = block_size(dtype);
  std::vector<float> values(bytes.size() / size * elements, NAN);
  decode(dtype, reinterpret_cast<const std::byte*>(bytes.data()), values);
  return values;
}

// To the bit, but for NaNs, which are all alike.
bool same(float a, float b) { return std::isnan(a) ? std::isnan(b) : std::memcmp(&a, &b, sizeof a) == 0; }

void require_as_described(const Type& type, const std::vector<uint8_t>& bytes) {
  const auto [elements, size] = block_size(type.dtype);
  const auto values = decoded(type.dtype, bytes);
  for (size_t i = 0; i < values.size(); ++i) {
    const float expected = type.value(Block{&bytes[i / elements * size]}, int(i % elements));
    if (!same(values[i], expected)) FAIL(dtype_name(type.dtype) << " value " << i << ": " << values[i]);
  }
}

}  // namespace

TEST_CASE("blocks decode as their types are described, whatever their bits") {
  std::mt19937 random(7);
  for (const Type& type : kTypes)
    for (int round = 0; round < 200; ++round) {
      std::vector<uint8_t> bytes(3 * block_size(type.dtype).bytes);
      for (uint8_t& byte : bytes) byte = uint8_t(random());
      require_as_described(type, bytes);
    }
}

TEST_CASE("blocks decode with the smallest, the largest and no scale at all") {
  std::mt19937 random(8);
  // 0, -0, the smallest subnormal and normal, the largest of both signs, infinities, NaN.
  const uint16_t scales[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00};
  for (const Type& type : kTypes)
    for (const uint16_t first : scales)
      for (const uint16_t second : scales) {
        std::vector<uint8_t> bytes(block_size(type.dtype).bytes);
        for (uint8_t& byte : bytes) byte = uint8_t(random());
        for (size_t k = 0; k < type.halves.size(); ++k) {
          const uint16_t half = k == 0 ? first : second;
          bytes[size_t(type.halves[k])] = uint8_t(half & 0xFF);
          bytes[size_t(type.halves[k]) + 1] = uint8_t(half >> 8);
        }
        require_as_described(type, bytes);
      }
}

TEST_CASE("known blocks decode to known values") {
  const auto block = [&](std::initializer_list<int> start, size_t size, int fill) {
    std::vector<uint8_t> bytes(start.begin(), start.end());
    bytes.resize(size, uint8_t(fill));
    return bytes;
  };
  // d = 1: the low half of every byte is 1, the high half 15.
  auto values = decoded(DType::kQ4_0, block({0x00, 0x3C}, 18, 0xF1));
  CHECK(values[0] == -7);
  CHECK(values[15] == -7);
  CHECK(values[16] == 7);
  CHECK(values[31] == 7);
  // d = 0.5, m = -2.
  values = decoded(DType::kQ4_1, block({0x00, 0x38, 0x00, 0xC0}, 20, 0x42));
  CHECK(values[0] == -1);
  CHECK(values[31] == 0);
  // d = 1, the fifth bit of value 0 and of value 31 set.
  values = decoded(DType::kQ5_0, block({0x00, 0x3C, 0x01, 0x00, 0x00, 0x80}, 22, 0x21));
  CHECK(values[0] == 1);
  CHECK(values[1] == -15);
  CHECK(values[30] == -14);
  CHECK(values[31] == 2);
  values = decoded(DType::kQ5_1, block({0x00, 0x3C, 0x00, 0x3C, 0x01, 0x00, 0x00, 0x80}, 24, 0x21));
  CHECK(values[0] == 18);
  CHECK(values[1] == 2);
  CHECK(values[31] == 19);
  // d = dmin = 1. Bytes of the factors: part 0 has s = 1, m = 2; part 4 has s = 3 + 16 * 1, m = 5 + 16 * 2.
  values = decoded(DType::kQ4_K,
                   block({0x00, 0x3C, 0x00, 0x3C, 0x41, 0, 0, 0, 0x82, 0, 0, 0, 0x53, 0, 0, 0}, 144, 0x67));
  CHECK(values[0] == 7 - 2);
  CHECK(values[32] == 0);  // part 1 has s = m = 0
  CHECK(values[128] == 19 * 7 - 37);
  CHECK(values[160] == 0);
  // The same with all fifth bits set: 32 bytes of ones, then the low bits.
  auto bytes = block({0x00, 0x3C, 0x00, 0x3C, 0x41, 0, 0, 0, 0x82, 0, 0, 0, 0x53, 0, 0, 0}, 48, 0xFF);
  bytes.resize(176, 0x67);
  values = decoded(DType::kQ5_K, bytes);
  CHECK(values[0] == 23 - 2);
  CHECK(values[128] == 19 * 23 - 37);
  // d = 2, all s = -1 but the last (3); low bits 4 (even quarters: 4, odd: 4), high bits 2 = 0b10.
  bytes.assign(128, 0x44);
  bytes.resize(192, 0xAA);
  bytes.resize(207, 0xFF);
  for (const int byte : {3, 0x00, 0x40}) bytes.push_back(uint8_t(byte));
  values = decoded(DType::kQ6_K, bytes);
  CHECK(values[0] == -2 * (4 + 32 - 32));
  CHECK(values[255] == 2 * 3 * 4);
  CHECK(values[239] == -8);
}

TEST_CASE("written values decode to within half a step of their block") {
  const auto values = reference::random_floats(4 * 256, -3, 2, 9);
  // Steps: the range -3..2 in 2^bits - 1 of them, or twice the magnitude 3; scales of K-types are rounded in
  // turn.
  const struct {
    DType dtype;
    double step;
  } types[] = {{DType::kQ4_0, 3.0 / 8},  {DType::kQ4_1, 5.0 / 15},        {DType::kQ5_0, 3.0 / 16},
               {DType::kQ5_1, 5.0 / 31}, {DType::kQ4_K, 5.0 / 15 * 1.25}, {DType::kQ5_K, 5.0 / 31 * 1.25},
               {DType::kQ6_K, 3.0 / 31}};
  for (const auto& [dtype, step] : types) {
    INFO(dtype_name(dtype));
    const Bytes bytes = encode_as(dtype, values);
    std::vector<float> read(values.size());
    decode(dtype, bytes.data(), read);
    // At the positive end Q4_0 and Q5_0 have a step less than at the negative one; here 2 needs none of it.
    CHECK(reference::max_difference(values, read) < 0.52 * step);
    CHECK(reference::max_difference(values, read) > 0.25 * step);
  }
}
