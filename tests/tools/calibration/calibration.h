// A model packed as q4 with a text in mind, layer after layer: each matrix sees what the packed ones before it
// make of the text.
#pragma once

#include <string>
#include <vector>

#include "tools/calibration/named_matrices.h"
#include "tools/calibration/replaced_tensors.h"
#include "tools/calibration/samples.h"

namespace rwkv {

class Calibration {
 public:
  // Matrices with one of `as_q8` in their names become q8. The original must outlive it.
  Calibration(const Checkpoint& original, std::span<const Token> tokens, std::vector<std::string> as_q8);

  // Packs all large matrices, and prints a line for each.
  void run();
  // The original with these in their places.
  ReplacedTensors& replaced() { return replaced_; }

 private:
  void run_half(int layer, Stream::Half half, std::vector<NamedMatrix> matrices, bool last_is_added);
  void replace(const std::string& name, Matrix& matrix, const Samples& samples);

  std::vector<std::string> as_q8_;
  const Model exact_;
  Model model_;  // f32, but of the values that the packed matrices have
  Streams streams_;
  ReplacedTensors replaced_;
};

}  // namespace rwkv
