// What an optimizer sees of what is learned: named floats and their gradients.
#pragma once

#include <string>
#include <vector>

#include "tensor.h"

namespace rwkv {

struct Parameter {
  std::string name;  // as the authors have it, its shape and values too
  Shape shape;
  std::vector<float> values, gradient;
};

}  // namespace rwkv
