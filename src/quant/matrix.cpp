#include "quant/matrix.h"

#include <cmath>
#include <limits>

#include "simd.h"

namespace rwkv {

Matrix make_matrix(Quantization format, int rows, int cols, bool has_memory) {
  assert(format_for(format, cols) == format);
  const uint64_t bytes = has_memory ? number_format(format).bytes(rows, cols) : 0;
  if (bytes > SIZE_MAX / 2) return {};
  Matrix matrix{format, rows, cols, Buffer(size_t(bytes))};
  if (!matrix.data) return {};
  if (number_format(format).count_not_finite) matrix.is_spoilt = std::make_unique<bool>(false);
  return matrix;
}

namespace {

// 4 rows of K values column by column, (K, 4); row i is rows + i K. Answers whether all are finite.
bool load_columns(const float* rows, int cols, float* columns) {
  f32x4 doubt = splat(0);  // x * 0 is NaN where x is not finite
  int k = 0;
  for (; k + kLanes <= cols; k += kLanes) {
    f32x4 v[kLanes];
    for (int row = 0; row < kLanes; ++row) v[row] = load(rows + size_t(row) * cols + k);
    transpose(v);
    for (int i = 0; i < kLanes; ++i, columns += kLanes) {
      store(columns, v[i]);
      doubt = doubt + v[i] * splat(0);
    }
  }
  for (; k < cols; ++k, columns += kLanes) {
    for (int row = 0; row < kLanes; ++row) columns[row] = rows[size_t(row) * cols + k];
    doubt = doubt + load(columns) * splat(0);
  }
  return xsimd::all(doubt == doubt);
}

}  // namespace

size_t pack_group(Matrix& matrix, int group, const float* values, bool were_quantized) {
  const NumberFormat& format = number_format(matrix.format);
  const int cols = matrix.cols;
  std::byte* out = matrix.data.as<std::byte>() + size_t(group) * matrix.group_bytes();
  const auto columns = std::make_unique_for_overwrite<float[]>(size_t(cols) * kLanes);
  size_t not_finite = 0;
  for (int half = 0; half < 2; ++half) {
    bool is_spoilt[kLanes] =
        {};  // rows whose first scale, which both formats with scales begin with, becomes NaN
    if (!load_columns(values + size_t(half) * kLanes * cols, cols, columns.get())) {
      const std::span<float> all(columns.get(), size_t(cols) * kLanes);
      not_finite += count_not_finite(all);
      if (format.shares_scales())
        for (size_t i = 0; i < all.size(); ++i)
          if (!std::isfinite(all[i])) all[i] = 0, is_spoilt[i % kLanes] = true;
    }
    format.pack({columns.get(), cols, half, were_quantized}, out);
    for (int row = 0; row < kLanes; ++row)
      if (is_spoilt[row])
        reinterpret_cast<float*>(out)[half * kLanes + row] = std::numeric_limits<float>::quiet_NaN();
  }
  if (!format.count_not_finite) return not_finite;
  not_finite = format.count_not_finite({out, matrix.group_bytes()});
  if (not_finite > 0) *matrix.is_spoilt = true;
  return not_finite;
}

void unpack_group(const Matrix& matrix, int group, float* values) {
  number_format(matrix.format)
      .unpack(matrix.data.as<std::byte>() + size_t(group) * matrix.group_bytes(), matrix.cols, values);
}

}  // namespace rwkv
