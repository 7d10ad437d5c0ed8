// Shows what the matrices of a model are multiplied with. The core has no hook for it: observer.cpp takes the
// place of the core's own matmul.cpp where a program links it.
#pragma once

#include <functional>

#include "kernels/kernels.h"

namespace rwkv {

// Gets each product y = W x of the calling thread before it is computed; x (R, K).
using Observer = std::function<void(const Matrix& W, Rows x)>;

// Sets it, for this thread, for as long as it lives.
class ObserverScope {
 public:
  explicit ObserverScope(Observer observer);
  ~ObserverScope();
  ObserverScope(const ObserverScope&) = delete;
};

}  // namespace rwkv
