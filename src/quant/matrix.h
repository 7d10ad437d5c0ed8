// Weight matrices in memory, packed for the kernels: which formats there are, table.h tells; how each lies,
// the files named after them.
#pragma once

#include <memory>

#include "quant/table.h"
#include "tensor.h"

namespace rwkv {

// A weight matrix (M, K) in kernel layout.
struct Matrix {
  Quantization format = Quantization::kF32;
  int rows = 0;  // M
  int cols = 0;  // K, whole blocks of the format
  Buffer data;
  // Whether products must be made NaN, for weights are not finite and the kernels would not notice. It lies outside, for
  // weights come later than their matrix is made and moved.
  std::unique_ptr<bool> is_spoilt = nullptr;

  bool empty() const { return rows == 0; }
  // Bytes of one group of 8 rows.
  size_t group_bytes() const { return size_t(number_format(format).group_bytes(cols)); }
};

// An (M, K) matrix with memory but no content, or without memory for any; empty() where there is not enough.
Matrix make_matrix(Quantization format, int rows, int cols, bool has_memory = true);
// Fills rows [8 group, 8 group + 8) from `values` (8, K); rows beyond M must be zeros. Answers how many
// values are not finite: all products with their rows are then. Weights that were quantised before are looked at
// longer, where the format gains by it.
size_t pack_group(Matrix& matrix, int group, const float* values, bool were_quantized = false);
// The other way: `values` (8, K) as the kernels see them.
void unpack_group(const Matrix& matrix, int group, float* values);

}  // namespace rwkv
