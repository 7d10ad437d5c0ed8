#include "kernels/matmul_transposed.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/backward.h"
#include "kernels/matmul.h"
#include "kernels/matmul_table.h"
#include "pool.h"
#include "simd.h"

namespace rwkv {
namespace {

constexpr int kTerms = 256;  // rows of W at a time: as columns of q8 they stay in the nearest cache
constexpr int kBlocks = kTerms / kBlock, kTurnedGroups = kBlock / kGroup;
constexpr int kTall = 129 * kTileRows;  // rows of dy at a time: they stay in the second cache
constexpr double kNsOfProduct = 0.015, kNsOfElement = 0.5;

// 32 columns of 8 rows of W. Bytes as q8 has them (quant/q8.h); value = scale level - shift.
struct Levels {
  i32x4 quads[kQuads][2];                      // rows 0-3, rows 4-7
  float scales[2][kGroup], shifts[2][kGroup];  // of each part of the columns
};

void read_q8(const std::byte* group, int block, Levels& to) {
  group += size_t(block) * q8::kBlockBytes;
  std::memcpy(to.scales[0], group, q8::kScalesBytes);
  for (int quad = 0; quad < kQuads; ++quad)
    for (int half = 0; half < 2; ++half)
      to.quads[quad][half] = load_int(group + q8::kScalesBytes + 32 * quad + 16 * half);
}

void read_q4(const std::byte* group, int block, Levels& to) {
  const i32x4 nibbles = splat_from_memory(0x0F0F0F0F);
  const auto* units = reinterpret_cast<const float*>(group);
  group += q4::kUnitsBytes + size_t(block) * q4::kBlockBytes;
  for (int part = 0; part < 2; ++part)
    for (int row = 0; row < kGroup; ++row) {
      const int at = 4 * (row % 4) + 2 * part + row / 4;
      to.scales[part][row] = units[row] * float(uint8_t(group[at]));
      to.shifts[part][row] = to.scales[part][row] * float(int8_t(group[16 + at])) * (1.0f / 16);
    }
  for (int quad = 0; quad < kQuads; ++quad) {
    const i32x4 w = load_int(group + 32 + 16 * quad);
    to.quads[quad][0] = w & nibbles;
    to.quads[quad][1] = xsimd::bitwise_cast<int32_t>(xsimd::bitwise_cast<uint16_t>(w) >> 4) & nibbles;
  }
}

// Parts of a block's columns that share a scale.
struct Turning {
  Quantization format;
  int parts;
  int offset;
  void (*read)(const std::byte* group, int block, Levels& to);
};
constexpr Turning kTurnings[] = {{Quantization::kQ8, 1, q8::kOffset, read_q8},
                                 {Quantization::kQ4, 2, q4::kOffset, read_q4}};

const Turning* find_turning(Quantization format) {
  const auto* found = std::find_if(std::begin(kTurnings), std::end(kTurnings),
                                   [=](const Turning& turning) { return turning.format == format; });
  return found == std::end(kTurnings) ? nullptr : found;
}

// 32 columns of W, turned: groups of q8, in which kTerms rows of W are the columns. Of a block of 32 rows S are the scales.
struct TurnedColumns {
  alignas(16) std::byte groups[kTurnedGroups][kBlocks][q8::kBlockBytes];
  float ratios[2][kTerms], shifts[2][kTerms];  // of each part: s / S; what zeros take away
};

// 4 rows of 32 columns of dy, times 127 / A of each row, in quads.
struct ScaledBlock {
  float scales[kTileRows];  // A / 127
  float quads[kQuads][kTileRows][4];
};
// With at least one panel of matmul_backward.
static_assert(sizeof(ScaledBlock) * kBlocks * (kTall / kTileRows) <= kTransposedFloats * sizeof(float));

// Where quads of words have column `at`: in even bytes, then in odd ones (matmul_q8.cpp).
template <bool words>
constexpr int place_of_term(int at) {
  return words ? at % 2 * 2 + at / 2 : at;
}

template <bool words>
void turn(const Matrix& W, const Turning& turning, int first_group, int blocks, int column_block,
          TurnedColumns& to) {
  const auto halves = [](i32x4 v) { return xsimd::bitwise_cast<uint64_t>(v); };
  for (int b = 0; b < blocks; ++b) {
    float scales[2][kBlock], largest[2] = {};
    for (int i = 0; i < kBlock / kGroup; ++i) {
      const int group = first_group + b * (kBlock / kGroup) + i;
      Levels from{};
      if (group < group_count(W))
        turning.read(W.data.as<std::byte>() + size_t(group) * W.group_bytes(), column_block, from);
      for (int part = 0; part < turning.parts; ++part)
        for (int row = 0; row < kGroup; ++row) {
          const int at = i * kGroup + row, place = at / 4 * 4 + place_of_term<words>(at % 4);
          scales[part][place] = from.scales[part][row];
          to.shifts[part][b * kBlock + place] = from.shifts[part][row];
          largest[part] = std::max(largest[part], std::fabs(from.scales[part][row]));
        }
      for (int quad = 0; quad < kQuads; ++quad) transpose_bytes(from.quads[quad][0], from.quads[quad][1]);
      for (int quad = 0; quad < kQuads; quad += 2)
        for (int half = 0; half < 2; ++half) {
          const auto low = halves(from.quads[quad][half]), high = halves(from.quads[quad + 1][half]);
          const size_t at = q8::kScalesBytes + 32 * (2 * i + half) + 16 * (quad / 2 % 2);
          xsimd::bitwise_cast<int32_t>(xsimd::zip_lo(low, high))
              .store_unaligned(reinterpret_cast<int32_t*>(to.groups[quad / 4][b] + at));
          xsimd::bitwise_cast<int32_t>(xsimd::zip_hi(low, high))
              .store_unaligned(reinterpret_cast<int32_t*>(to.groups[2 + quad / 4][b] + at));
        }
    }
    for (int part = 0; part < turning.parts; ++part) {
      const float inverse = largest[part] < kTiny ? 0 : 1 / largest[part];
      map(kBlock, to.ratios[part] + b * kBlock, {scales[part]},
          [=](f32x4 scale) { return scale * splat(inverse); });
    }
    for (int group = 0; group < kTurnedGroups; ++group)
      std::fill_n(reinterpret_cast<float*>(to.groups[group][b]), kGroup,
                  largest[turning.parts == 2 ? group / 2 : 0]);
  }
}

// The columns [first, first + 32) of rows of dy, as far as it has any.
template <bool words>
void scale(Rows dy, int row, int first, ScaledBlock& to) {
  const int columns = std::min(dy.width - first, kBlock);
  for (int t = 0; t < kTileRows; ++t) {
    float values[kBlock] = {};
    if (row + t < dy.count) std::copy_n(dy.row(row + t) + first, columns, values);
    f32x4 high = splat(0), doubt = splat(0);
    for (int i = 0; i < kBlock; i += kLanes) {
      const f32x4 v = load(values + i);
      high = xsimd::max(high, xsimd::max(v, splat(0) - v)), doubt = doubt + v * splat(0);
    }
    // As of activations: a scale of NaN makes the products NaN.
    const bool is_finite = xsimd::all(doubt == doubt);
    const float largest = xsimd::reduce_max(high),
                inverse = largest < kTiny || !is_finite ? 0 : 127 / largest;
    to.scales[t] = is_finite ? largest / 127 : std::numeric_limits<float>::quiet_NaN();
    if (!is_finite) std::fill_n(values, kBlock, 0.0f);
    for (int quad = 0; quad < kQuads; ++quad) {
      float* const v = values + 4 * quad;
      if (words) std::swap(v[1], v[2]);
      store(to.quads[quad][t], load(v) * splat(inverse));
    }
  }
}

// A tile of what q8's kernels take (matmul.h, Activations): dy times ratios. Answers in `more` what shifts take away from
// each row.
template <bool words>
void round(const ScaledBlock* from, int blocks, const Turning& turning, const float* ratios,
           const float* shifts, std::byte* out, float (&more)[kTileRows]) {
  const f32x4 magic = splat_from_memory(kRoundingMagic);
  const i32x4 magic_bits = splat_from_memory(kRoundingMagicBits);
  const i32x4 offset = splat_from_memory(words ? turning.offset * 0x10001 : turning.offset * 0x1010101);
  f32x4 away[kTileRows] = {splat(0), splat(0), splat(0), splat(0)};
  for (int b = 0; b < blocks; ++b, ++from) {
    std::memcpy(out, from->scales, sizeof from->scales);
    auto* const starts = reinterpret_cast<int32_t*>(out + 16);
    out += 32;
    i32x4 sums[2] = {i32x4(0), i32x4(0)};
    RWKV_UNROLL(1)
    for (int quad = 0; quad < kQuads; ++quad, ratios += 4, out += words ? 32 : 16) {
      const f32x4 ratio = load(ratios);
      const auto rounded = [&](int t) {
        return bits_of(madd(load(from->quads[quad][t]), ratio, magic)) - magic_bits;
      };
      const i16x8 q[2] = {narrow(rounded(0), rounded(1)), narrow(rounded(2), rounded(3))};
      if constexpr (words) {
        for (int pair = 0; pair < 2; ++pair) {
          sums[pair] = sums[pair] + dot(q[pair], pairs(offset));
          lanes(q[pair]).store_unaligned(reinterpret_cast<int32_t*>(out + 16 * pair));
        }
      } else {
        const i32x4 bytes = narrow_to_bytes(q[0], q[1]);
        sums[0] = quad_dot(bytes, offset, sums[0]);
        bytes.store_unaligned(reinterpret_cast<int32_t*>(out));
      }
    }
    if constexpr (words) {
      int32_t two[8];
      sums[0].store_unaligned(two), sums[1].store_unaligned(two + 4);
      for (int t = 0; t < kTileRows; ++t) starts[t] = -(two[2 * t] + two[2 * t + 1]);
    } else {
      (i32x4(0) - sums[0]).store_unaligned(starts);
    }
    if (turning.parts == 1) continue;
    for (int t = 0; t < kTileRows; ++t) {
      f32x4 sum = splat(0);
      for (int quad = 0; quad < kQuads; ++quad)
        sum = madd(load(from->quads[quad][t]), load(shifts + 4 * quad), sum);
      away[t] = madd(sum, splat(from->scales[t]), away[t]);
    }
    shifts += kBlock;
  }
  for (int t = 0; t < kTileRows; ++t) {
    float lane[kLanes];
    store(lane, away[t]);
    if (words) std::swap(lane[1], lane[2]);  // so that every form adds in one order
    more[t] = -sum(load(lane));
  }
}

template <bool words>
void add_product(const Matrix& W, const Turning& turning, TileKernel kernel, Rows dy, Rows dx, Arena& arena) {
  constexpr size_t kInputBytes = kBlocks * kTileRows * (8 + kQuads * (words ? 8 : 4));
  for (int top = 0; top < dy.count; top += kTall)
    for (int m = 0; m < W.rows; m += kTerms) {
      const ArenaScope scope(arena);
      const int tall = std::min(kTall, dy.count - top), tiles = (tall + kTileRows - 1) / kTileRows,
                blocks = (std::min(kTerms, W.rows - m) + kBlock - 1) / kBlock;
      auto* const scaled = reinterpret_cast<ScaledBlock*>(
          arena.floats(size_t(tiles) * size_t(blocks) * sizeof(ScaledBlock) / sizeof(float)));
      pool.run(tiles, kNsOfElement * kTileRows * kTerms, [=](int first, int last) {
        for (int tile = first; tile < last; ++tile)
          for (int b = 0; b < blocks; ++b)
            scale<words>(dy, top + tile * kTileRows, m + b * kBlock, scaled[tile * blocks + b]);
      });
      pool.run(
          W.cols / kBlock, kNsOfProduct * kBlock * kTerms * tall, [=, &W, &turning](int first, int last) {
            TurnedColumns columns;
            alignas(16) std::byte x[kInputBytes];
            const int count = kTurnedGroups / turning.parts;
            for (int column = first; column < last; ++column) {
              turn<words>(W, turning, m / kGroup, blocks, column, columns);
              const Groups groups{columns.groups[0][0], sizeof columns.groups[0], kBlock, blocks * kBlock};
              for (int tile = 0; tile < tiles; ++tile) {
                float y[kTileRows][kBlock], more[kTileRows];
                for (int part = 0; part < turning.parts; ++part) {
                  round<words>(scaled + tile * blocks, blocks, turning, columns.ratios[part],
                               columns.shifts[part], x, more);
                  kernel({groups, x, y[0], kBlock, part * count, count, kTileRows});
                  for (int t = 0; t < std::min(kTileRows, tall - tile * kTileRows); ++t) {
                    float* to = dx.row(top + tile * kTileRows + t) + column * kBlock + part * count * kGroup;
                    map(count * kGroup, to, {to, y[t] + part * count * kGroup},
                        [a = splat(more[t])](f32x4 dx, f32x4 y) { return dx + (y + a); });
                  }
                }
              }
            }
          });
    }
}

}  // namespace

bool has_transposed_products(Quantization format) { return find_turning(format) != nullptr; }

void add_transposed_product(const Matrix& W, Rows dy, Rows dx, Arena& arena) {
  const Form form = current_choice(Quantization::kQ8).rows;
  const TileKernel kernel = kernels_of(Quantization::kQ8).of(form).of(1, kTileRows);
  const auto add = takes_words(form) ? add_product<true> : add_product<false>;
  add(W, *find_turning(W.format), kernel, dy, dx, arena);
}

}  // namespace rwkv
