// Floats with two homes: where they are current, and what the device is asked to copy.
#include "model/device_floats.h"

#include <catch_amalgamated.hpp>
#include <map>

using namespace rwkv;

namespace {

// A device that does what is noted.
struct Device {
  std::map<uint32_t, std::vector<float>> slots;
  int uploads = 0, copies = 0;

  void catch_up() {
    for (; const SlotCopy* copy = next_slot_copy(); drop_slot_copy()) {
      const auto [to, from, floats] = *copy;
      ++(from == SlotCopy::kUpload ? uploads : copies);
      slots[to] =
          from == SlotCopy::kUpload ? std::vector<float>(floats.begin(), floats.end()) : slots.at(from);
    }
  }
  // A pass, which adds one to all.
  void pass(DeviceFloats& floats) {
    const uint32_t slot = floats.enter();
    catch_up();
    for (float& value : slots.at(slot)) ++value;
    floats.moved_on();
  }
  void download(DeviceFloats& floats) {
    const uint32_t slot = floats.enter();
    catch_up();
    floats.arrive(slots.at(slot));
  }
  // Here after a download.
  std::vector<float> values(DeviceFloats& floats) {
    if (!floats.is_here()) download(floats);
    return floats.read();
  }
};

DeviceFloats filled(float value) {
  DeviceFloats floats(3);
  std::fill_n(floats.write().data(), 3, value);
  return floats;
}

std::vector<float> all(float value) { return std::vector<float>(3, value); }

}  // namespace

TEST_CASE("floats that were never on the device are copied here, and go there once") {
  Device device;
  DeviceFloats a = filled(1);
  DeviceFloats b = a;
  device.catch_up();
  CHECK(device.uploads + device.copies == 0);
  device.pass(a), device.pass(a);
  CHECK(device.uploads == 1);
  CHECK_FALSE(a.is_here());
  CHECK(device.values(a) == all(3));
  CHECK(device.values(b) == all(1));
}

TEST_CASE("a copy of floats that the device alone has is made there, before anything else moves them on") {
  Device device;
  DeviceFloats a = filled(1);
  device.pass(a);
  DeviceFloats b = a;
  CHECK((!b.is_here() && b.is_there()));
  device.pass(a);
  CHECK(device.values(a) == all(3));
  CHECK(device.values(b) == all(2));
  DeviceFloats c = filled(9);
  device.pass(c);
  c = b;
  device.pass(b);
  CHECK(device.values(c) == all(2));
  CHECK(device.values(b) == all(3));
}

TEST_CASE("what is written here goes there in place of what the device has") {
  Device device;
  DeviceFloats a = filled(1);
  device.pass(a);
  std::fill_n(a.write().data(), 3, 7.0f);
  CHECK((a.is_here() && !a.is_there()));
  CHECK(a.read() == all(7));
  device.pass(a);
  CHECK(device.values(a) == all(8));
  // Written between being noted and being fetched.
  DeviceFloats b = filled(1);
  (void)b.enter();
  std::fill_n(b.write().data(), 3, 4.0f);
  device.pass(b);
  CHECK(device.values(b) == all(5));
}

TEST_CASE("a slot is used again, and copies from its last owner are made before") {
  Device device;
  DeviceFloats copy(3);
  uint32_t slot = 0;
  {
    DeviceFloats a = filled(1);
    slot = a.enter();
    device.pass(a);
    copy = a;
  }
  DeviceFloats next = filled(5);
  CHECK(next.enter() == slot);
  const uint32_t most = slot_count();
  device.pass(next);
  CHECK(device.values(copy) == all(2));
  CHECK(device.values(next) == all(6));
  {
    DeviceFloats gone = filled(3);
    (void)gone.enter();
  }  // its floats with it
  device.catch_up();
  CHECK(slot_count() <= most + 1);
}

TEST_CASE("floats that move take their slot along") {
  Device device;
  DeviceFloats a = filled(1);
  device.pass(a);
  DeviceFloats b = std::move(a);
  CHECK(device.values(b) == all(2));
  DeviceFloats c = filled(4);
  c = std::move(b);
  CHECK(device.values(c) == all(2));
}

TEST_CASE("a slot whose pass failed is lost, and what is here too goes there again") {
  Device device;
  DeviceFloats a = filled(1), b = filled(2);
  device.pass(a), device.pass(b);
  device.download(a);
  (void)a.enter(), (void)b.enter();
  a.lose_slot(), b.lose_slot();
  CHECK(a.is_here());
  CHECK((!b.is_here() && !b.is_there()));
  device.pass(a);
  CHECK(device.values(a) == all(3));
  const DeviceFloats c = b;
  CHECK((!c.is_here() && !c.is_there()));
}
