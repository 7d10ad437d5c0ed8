#include "model/device_floats.h"

#include <algorithm>

namespace rwkv {
namespace {

// Slots are those of one device, whatever is in them. A slot that is given back may be the source of a copy that is noted and not done
// yet: copies are done in order, so that its next owner's come later.
struct Slots {
  std::vector<uint32_t> free;
  uint32_t count = 0;
  std::vector<SlotCopy> copies;

  uint32_t take() {
    if (free.empty()) return count++;
    const uint32_t slot = free.back();
    free.pop_back();
    return slot;
  }
  // Nothing is uploaded to it any more: its floats go.
  void forget_upload(uint32_t slot) {
    std::erase_if(copies, [=](const SlotCopy& c) { return c.to == slot && c.from == SlotCopy::kUpload; });
  }
};

Slots& slots() {
  static Slots all;
  return all;
}

}  // namespace

const SlotCopy* next_slot_copy() { return slots().copies.empty() ? nullptr : &slots().copies.front(); }
void drop_slot_copy() { slots().copies.erase(slots().copies.begin()); }
uint32_t slot_count() { return slots().count; }

DeviceFloats::DeviceFloats(const DeviceFloats& other) : floats_(other.size()) { *this = other; }

DeviceFloats& DeviceFloats::operator=(const DeviceFloats& other) {
  if (this == &other) return *this;
  if (other.is_here_) floats_ = other.floats_;
  is_here_ = other.is_here_;
  copy_slot(other);
  return *this;
}

void DeviceFloats::copy_slot(const DeviceFloats& other) {
  is_there_ = other.is_there_;
  if (!is_there_) return;
  if (slot_ == kNoSlot) slot_ = slots().take();
  slots().copies.push_back({slot_, other.slot_});
}

DeviceFloats::~DeviceFloats() {
  if (slot_ == kNoSlot) return;
  slots().forget_upload(slot_);
  slots().free.push_back(slot_);
}

uint32_t DeviceFloats::enter() {
  assert(is_here_ || is_there_);
  if (is_there_) return slot_;
  if (slot_ == kNoSlot) slot_ = slots().take();
  slots().forget_upload(slot_);
  slots().copies.push_back({slot_, SlotCopy::kUpload, floats_});
  is_there_ = true;
  return slot_;
}

void DeviceFloats::arrive(std::span<const float> floats) {
  assert(is_there_ && floats.size() == floats_.size());
  std::copy(floats.begin(), floats.end(), floats_.begin());
  is_here_ = true;
}

void DeviceFloats::swap(DeviceFloats& other) {
  std::swap(floats_, other.floats_);
  std::swap(slot_, other.slot_);
  std::swap(is_here_, other.is_here_);
  std::swap(is_there_, other.is_there_);
}

}  // namespace rwkv
