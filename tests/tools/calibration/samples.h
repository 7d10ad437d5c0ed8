// What matrices are multiplied with when a model reads a text.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "tools/calibration/hessian.h"
#include "tools/calibration/stream.h"

namespace rwkv {

// One input of a row, and how much it counts there.
struct Occasion {
  uint32_t input;
  float weight;
};

struct Samples {
  explicit Samples(int width) : all(width) {}

  Hessian all;  // of all inputs alike
  // Of matrices whose rows differ in what counts for them:
  std::vector<float> inputs;                   // (n, K)
  std::vector<std::vector<Occasion>> of_rows;  // (M)
  // (M, K): sum of lack x^T, lack (M) being what the products should be beyond those of the exact weights, so
  // that the stream becomes again what it is in the exact model. Empty: not known.
  std::vector<float> lacks;

  // What a row's errors cost: by its own occasions, and a little by all inputs.
  Hessian of_row(int row) const;
};

// The quantised model's stream beside the exact one's.
struct Streams {
  const Model& exact_model;
  Model& model;
  Stream exact, own;
};

using SamplesOf = std::map<const Matrix*, Samples>;
// Of these matrices of half a layer. `output`: the one among them whose products are what the half adds, if
// any; the exact stream is half a layer ahead then. Rows of the channel mix's keys count by relu(k), which is
// half the derivative of its square, squared: nine in ten are zero.
SamplesOf sample_half(const Streams& streams, int layer, Stream::Half half,
                      const std::vector<const Matrix*>& matrices, const Matrix* output);
// Of the head. Its rows count by p (1 - p), p the probability of their token: the curvature of the
// divergence.
SamplesOf sample_head(const Streams& streams);

}  // namespace rwkv
