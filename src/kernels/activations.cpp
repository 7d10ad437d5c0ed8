#include <algorithm>
#include <cstring>
#include <limits>

#include "kernels/matmul.h"
#include "kernels/matmul_table.h"
#include "simd.h"

namespace rwkv {
namespace {

constexpr int quad_bytes(Form form) { return takes_words(form) ? 8 : 4; }

// x ~ scale q
struct QuantizedBlock {
  ByteQuads q;
  float scale;
  int32_t sums[2];  // of the q of 16 columns
};

QuantizedBlock quantize(const float* x) {
  f32x4 v[8], high = splat(0), low = splat(0), doubt = splat(0);
  for (int i = 0; i < 8; ++i) {
    v[i] = load(x + i * kLanes);
    high = xsimd::max(high, v[i]), low = xsimd::min(low, v[i]), doubt = doubt + v[i] * splat(0);
  }
  // No integers say what infinity and NaN are, but a scale of NaN makes the products NaN.
  if (!xsimd::all(doubt == doubt))
    return {{i32x4(0), i32x4(0)}, std::numeric_limits<float>::quiet_NaN(), {0, 0}};
  const float largest = xsimd::reduce_max(xsimd::max(high, splat(0) - low));
  const f32x4 inverse = splat(largest < kTiny ? 0 : 127 / largest);
  i32x4 q[8];
  for (int i = 0; i < 8; ++i) q[i] = round_to_int(v[i] * inverse);
  return {byte_quads(q),
          largest / 127,
          {xsimd::reduce_add(q[0] + q[1] + q[2] + q[3]), xsimd::reduce_add(q[4] + q[5] + q[6] + q[7])}};
}

// Both pairs of 16 bits of 4 quads, one quad after the other.
void store_pairs(i32x4 quads, std::byte* out) {
  const i32x4 even = lanes((pairs(quads) << 8) >> 8), odd = lanes(pairs(quads) >> 8);
  xsimd::zip_lo(even, odd).store_unaligned(reinterpret_cast<int32_t*>(out));
  xsimd::zip_hi(even, odd).store_unaligned(reinterpret_cast<int32_t*>(out + 16));
}

// Two quads' halves side by side: columns of one scale.
void join_halves(std::byte* quads) {
  for (int j = 0; j < kQuads; j += 2, quads += 8) std::swap_ranges(quads + 2, quads + 4, quads + 4);
}

// Row t of a tile of T rows.
void fill_quantized(const float* x, int blocks, Operand operand, Form form, int T, int t, std::byte* out) {
  const int size = quad_bytes(form);
  const bool are_joined = operand.sums == 2 && form == Form::kFused;
  for (int b = 0; b < blocks; ++b, x += kBlock, out += T * (8 + kQuads * size)) {
    const QuantizedBlock block = quantize(x);
    std::memcpy(out + 4 * t, &block.scale, 4);
    const int32_t first = -operand.offset * block.sums[0], second = -operand.offset * block.sums[1];
    const int32_t start = operand.sums == 1 ? first + second : (first & 0xFFFF) | second << 16;
    std::memcpy(out + 4 * (T + t), &start, 4);
    std::byte quads[kQuads * 8];
    if (takes_words(form)) {
      store_pairs(block.q.first, quads), store_pairs(block.q.second, quads + 32);
      for (int j = 0; j < kQuads; ++j) std::memcpy(out + 8 * (T + j * T + t), quads + 8 * j, 8);
    } else {
      block.q.first.store_unaligned(reinterpret_cast<int32_t*>(quads));
      block.q.second.store_unaligned(reinterpret_cast<int32_t*>(quads + 16));
      if (are_joined) join_halves(quads);
      for (int j = 0; j < kQuads; ++j) {
        const int place = are_joined ? (j / 2 * T + t) * 2 + j % 2 : j * T + t;
        std::memcpy(out + 8 * T + 4 * place, quads + 4 * j, 4);
      }
    }
  }
}

}  // namespace

Form Activations::form() const {
  const bool has_rows = count > 1 && kernels_of(format).of(choice.rows).of(1, std::min(count, kTileRows));
  return has_rows ? choice.rows : choice.row;
}

bool Activations::are_panels() const { return count > 1 && kernels_of(format).of(form()).has_panels; }

size_t Activations::row_bytes() const {
  if (!kernels_of(format).x.is_integer()) return size_t(width) * sizeof(float);
  return size_t(width) / kBlock * (8 + kQuads * quad_bytes(form()));
}

Activations make_activations(const Matrix& W, int count, Arena& arena, const Choice& choice) {
  Activations made{nullptr, W.format, choice, count, W.cols};
  const size_t rows = made.is_filled_up() ? size_t(made.tiles()) * kTileRows : size_t(count);
  made.data = reinterpret_cast<std::byte*>(arena.floats(rows * made.row_bytes() / sizeof(float)));
  return made;
}

void fill_tiles(const Activations& activations, Rows x, int first, int last) {
  assert(x.count == activations.count && x.width == activations.width);
  const Operand operand = kernels_of(activations.format).x;
  for (int tile = first; tile < last; ++tile) {
    const int rows = activations.rows_of(tile), T = activations.width_of(tile);
    if (rows < T) std::memset(activations.tile(tile), 0, T * activations.row_bytes());
    for (int t = 0; t < rows; ++t) {
      const float* row = x.row(tile * kTileRows + t);
      if (operand.is_integer()) {
        fill_quantized(row, x.width / kBlock, operand, activations.form(), T, t, activations.tile(tile));
      } else {
        auto* out = reinterpret_cast<float*>(activations.tile(tile)) + t;
        for (int k = 0; k < x.width; ++k) out[size_t(k) * T] = row[k] * operand.scale;
      }
    }
  }
}

}  // namespace rwkv
