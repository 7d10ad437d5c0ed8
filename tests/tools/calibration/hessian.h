// Second moments of what a row of weights is multiplied with, and what rounding needs of them.
#pragma once

#include <cstddef>
#include <vector>

namespace rwkv {

// H (K, K) = sum of weight x x^T over inputs x (K). A change d of the row changes its products by d^T H d in
// all.
class Hessian {
 public:
  explicit Hessian(int width) : width_(width), sums_(size_t(width) * size_t(width), 0.0f) {}

  int width() const { return width_; }
  const float* row(int k) const { return sums_.data() + size_t(k) * size_t(width_); }
  float mean_of_diagonal() const;

  // Into the lower triangle; finish() fills the upper one and adds `damping` to the diagonal.
  void add(const float* x, float weight = 1);
  void add(const float* const (&x)[4], const float (&weight)[4]);  // faster than one by one
  void add(const Hessian& other, float weight = 1);
  void finish(float damping);

 private:
  int width_;
  std::vector<float> sums_;
};

// Rounding column after column, each column's error spread over those to come. With A lower triangular,
// A^T A = H, the errors e of columns 0 to K - 1 cost |A e|^2, of which column i has a part
// (scale_i (e_i + sum over j < i of spread_ji e_j))^2, which its own e_i can bring near zero.
struct Factor {
  Factor(const Hessian& H, int first, int count);  // of the columns [first, first + count) alone

  // x of H x = y, in place. REQUIRES: all columns of H.
  void solve(std::vector<float>& y) const;

  int width;
  std::vector<float> scale;   // (K): A_ii
  std::vector<float> spread;  // (K, K): A_ij / A_ii at row j, column i
};

}  // namespace rwkv
