// Floats with two homes, here and in a slot of a device's memory, each current or not. A copy is current where its original is;
// what must be copied on the device is noted, in order, for whoever speaks to it.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace rwkv {

// What the device has to do before anything else reads slots: fill slot `to`.
struct SlotCopy {
  static constexpr uint32_t kUpload = 0xffffffff;
  uint32_t to;
  uint32_t from;                       // a slot, or kUpload:
  std::span<const float> floats = {};  // these; until the next call that writes here
};
// The next that was noted; nullptr: none.
const SlotCopy* next_slot_copy();
// It is done.
void drop_slot_copy();
// Every slot in use is below.
uint32_t slot_count();

class DeviceFloats {
 public:
  explicit DeviceFloats(size_t count) : floats_(count) {}
  DeviceFloats(const DeviceFloats& other);
  DeviceFloats(DeviceFloats&& other) noexcept { swap(other); }
  DeviceFloats& operator=(const DeviceFloats& other);
  DeviceFloats& operator=(DeviceFloats&& other) noexcept { return swap(other), *this; }
  ~DeviceFloats();

  size_t size() const { return floats_.size(); }
  bool is_here() const { return is_here_; }
  bool is_there() const { return is_there_; }
  // REQUIRES: is_here().
  const std::vector<float>& read() const { return assert(is_here_), floats_; }
  // To write all of them: they are here alone then.
  std::vector<float>& write() { return is_here_ = true, is_there_ = false, floats_; }

  // Its slot, current once what is noted is done. REQUIRES: is_here() or is_there().
  uint32_t enter();
  // The device wrote the slot.
  void moved_on() { is_here_ = false, is_there_ = true; }
  // Nobody knows what is in the slot. Neither home is current where it was the only one.
  void lose_slot() { is_there_ = false; }
  // What the slot holds is here too. REQUIRES: size() floats, is_there().
  void arrive(std::span<const float> floats);

 private:
  static constexpr uint32_t kNoSlot = SlotCopy::kUpload;
  void swap(DeviceFloats& other);
  void copy_slot(const DeviceFloats& other);

  std::vector<float> floats_;
  uint32_t slot_ = kNoSlot;
  bool is_here_ = true, is_there_ = false;
};

}  // namespace rwkv
