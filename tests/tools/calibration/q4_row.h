// A row of q4 weights as numbers, between the values that it stands for and the bytes of a packed matrix
// (quant.h, Matrix).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quant/matrix.h"

namespace rwkv {

struct Q4Row {
  explicit Q4Row(int cols) : scales(size_t(cols / q4::kPart)), zeros(scales.size()), levels(size_t(cols)) {}

  int cols() const { return int(levels.size()); }
  // w = unit scale (level - 8 - zero / 16)
  float step(int part) const { return unit * float(scales[size_t(part)]); }
  float value(int k) const {
    const int part = k / q4::kPart;
    return unit * (1.0f / 16) *
           float(scales[size_t(part)] * (16 * (levels[size_t(k)] - q4::kOffset) - zeros[size_t(part)]));
  }

  float unit = 0;
  std::vector<int> scales;  // (K / 16), 0..255
  std::vector<int> zeros;   // (K / 16), -128..127, in sixteenths of a step
  std::vector<int> levels;  // (K), 0..15
};

// Writes it as row `row` of a q4 matrix whose bytes were zeros there.
void put_row(Matrix& matrix, int row, const Q4Row& from);
Q4Row take_row(const Matrix& matrix, int row);

}  // namespace rwkv
