// What a State keeps its floats in: memory here or, in the module for devices (RWKV_DEVICE), memory with two homes.
#pragma once

#include <vector>

#ifdef RWKV_DEVICE
#include "model/device_floats.h"
#endif

namespace rwkv {

class HostFloats {
 public:
  explicit HostFloats(size_t count) : floats_(count) {}
  size_t size() const { return floats_.size(); }
  static constexpr bool is_here() { return true; }
  const std::vector<float>& read() const { return floats_; }
  std::vector<float>& write() { return floats_; }

 private:
  std::vector<float> floats_;
};

#ifdef RWKV_DEVICE
using StateFloats = DeviceFloats;
#else
using StateFloats = HostFloats;
#endif

}  // namespace rwkv
