// A pass that a device makes in the place of forward(). Of the module for devices alone, where states have two homes
// (model/device_floats.h).
#pragma once

#include <vector>

#include "model/model.h"
#include "recording/recording.h"

namespace rwkv {

class DevicePass {
 public:
  // Gives every state a slot; what is to be copied there before is noted. REQUIRES: slices as forward() takes them. Errors: kReadFailed
  // where a state went with a pass that failed.
  static Result<DevicePass> start(std::vector<Slice> slices);

  std::span<const Slice> slices() const { return slices_; }
  PassShape shape() const;
  // What its list reads (recording.h).
  std::vector<uint32_t> tables() const { return rwkv::tables(batch_, slots_); }

  // The device has moved all states on.
  void finish();
  // It has not, or nobody knows how far: states that are nowhere else are lost.
  void give_up();

 private:
  std::vector<Slice> slices_;
  Batch batch_;
  std::vector<uint32_t> slots_;
};

}  // namespace rwkv
