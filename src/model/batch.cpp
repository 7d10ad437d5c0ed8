#include <algorithm>

#include "model/model.h"

namespace rwkv {

Batch::Batch(std::span<const Slice> slices) {
  int first = 0;
  for (const Slice& slice : slices) {
    const int count = int(slice.tokens.size()), end = first + count;
    sequences.push_back({slice.state, first, count, slice.tokens.data()});
    for (int row = end - int(slice.wanted); row < end; ++row) wanted.push_back(row);
    wants_hidden |= slice.hidden != nullptr;
    first = end;
  }
}

void deliver(const Outputs& out, const Batch& batch, std::span<const Slice> slices) {
  const float* logits = out.logits.data;
  for (size_t i = 0; i < slices.size(); ++i) {
    const size_t count = slices[i].wanted * size_t(out.logits.width);
    std::copy_n(logits, count, slices[i].logits);
    logits += count;
    if (!slices[i].hidden) continue;
    const Rows hidden = batch.sequences[i].of(out.hidden);
    std::copy_n(hidden.data, hidden.size(), slices[i].hidden);
  }
}

}  // namespace rwkv
