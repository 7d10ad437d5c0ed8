#include "tools/calibration/hessian.h"

#include <algorithm>
#include <cmath>

namespace rwkv {

float Hessian::mean_of_diagonal() const {
  double sum = 0;
  for (int i = 0; i < width_; ++i) sum += row(i)[i];
  return float(sum / width_);
}

void Hessian::add(const float* x, float weight) {
  for (int i = 0; i < width_; ++i) {
    if (x[i] == 0) continue;  // nine in ten of a channel mix's values
    float* sums = sums_.data() + size_t(i) * size_t(width_);
    const float factor = weight * x[i];
    for (int k = 0; k <= i; ++k) sums[k] += factor * x[k];
  }
}

void Hessian::add(const float* const (&x)[4], const float (&weight)[4]) {
  const float *a = x[0], *b = x[1], *c = x[2], *d = x[3];
  for (int i = 0; i < width_; ++i) {
    float* sums = sums_.data() + size_t(i) * size_t(width_);
    const float fa = weight[0] * a[i], fb = weight[1] * b[i], fc = weight[2] * c[i], fd = weight[3] * d[i];
    for (int k = 0; k <= i; ++k) sums[k] += (fa * a[k] + fb * b[k]) + (fc * c[k] + fd * d[k]);
  }
}

void Hessian::add(const Hessian& other, float weight) {
  for (size_t i = 0; i < sums_.size(); ++i) sums_[i] += weight * other.sums_[i];
}

void Hessian::finish(float damping) {
  const size_t K = size_t(width_);
  for (size_t i = 0; i < K; ++i) {
    sums_[i * K + i] += damping;
    for (size_t k = 0; k < i; ++k) sums_[k * K + i] = sums_[i * K + k];
  }
}

// From the last column to the first: row i of A is what is left of H's row i, divided by its root, and takes
// its square out of what is left of the rows above.
Factor::Factor(const Hessian& H, int first, int count)
    : width(count), scale(size_t(count)), spread(size_t(count) * size_t(count), 0.0f) {
  const size_t K = size_t(count);
  std::vector<double> left(K * K);
  for (size_t i = 0; i < K; ++i)
    std::copy_n(H.row(first + int(i)) + first, i + 1, left.begin() + ptrdiff_t(i * K));
  for (size_t i = K; i-- > 0;) {
    const double* own = &left[i * K];
    const double square = std::max(own[i], 1e-30);
    scale[i] = float(std::sqrt(square));
    for (size_t j = 0; j < i; ++j) {
      const double ratio = own[j] / square;
      spread[j * K + i] = float(ratio);
      double* other = &left[j * K];
      for (size_t k = 0; k <= j; ++k) other[k] -= ratio * own[k];
    }
  }
}

// A^T z = y, then A x = z.
void Factor::solve(std::vector<float>& y) const {
  const size_t K = size_t(width);
  for (size_t i = K; i-- > 0;) {
    double sum = y[i];
    for (size_t k = i + 1; k < K; ++k) sum -= double(spread[i * K + k]) * y[k];
    y[i] = float(sum);
  }
  for (size_t i = 0; i < K; ++i) y[i] /= scale[i] * scale[i];
  for (size_t i = 0; i < K; ++i)
    for (size_t k = i + 1; k < K; ++k) y[k] -= spread[i * K + k] * y[i];
}

}  // namespace rwkv
