#include "device/pass.h"

#include <algorithm>

#include "model/state.h"

namespace rwkv {

Result<DevicePass> DevicePass::start(std::vector<Slice> slices) {
  for (const Slice& slice : slices)
    if (!slice.state->is_here() && !slice.state->floats().is_there())
      return Error{ErrorKind::kReadFailed,
                   "the state of a text was lost on the device, in a pass that failed"};
  DevicePass pass;
  for (const Slice& slice : slices) pass.slots_.push_back(slice.state->floats().enter());
  pass.batch_ = Batch(slices);
  pass.slices_ = std::move(slices);
  return pass;
}

PassShape DevicePass::shape() const {
  return {batch_.rows(), int(batch_.sequences.size()), int(batch_.wanted.size()), batch_.wants_hidden};
}

void DevicePass::finish() {
  for (const Slice& slice : slices_) slice.state->floats().moved_on();
}

void DevicePass::give_up() {
  for (const Slice& slice : slices_) slice.state->floats().lose_slot();
}

}  // namespace rwkv
