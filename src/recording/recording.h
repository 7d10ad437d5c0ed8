// Lists of operations, which a device replays in place of forward(): one for each shape of a pass. What differs between passes of a
// shape, which states, tokens and rows, is in tables.
#pragma once

#include "recording/weight_table.h"

namespace rwkv {

struct PassShape {
  int rows, sequences;  // R tokens of so many texts
  int wanted;           // rows of logits
  bool wants_hidden;
  int layers = 0;  // so many alone; 0: all
};

// A list is words: a header of kOperationWords, {R, sequences, wanted, floats of scratch memory, address of the logits
// (wanted, V), address of what the head gets (R, C)} and zeros, then operations. What is not wanted has the address kNone.
class Recording {
 public:
  // The model must outlive it and stay where it is. Its matrices and embeddings need no content, but a place.
  explicit Recording(const Model& model);

  // By number.
  const WeightTable& weights() const { return weights_; }
  // The same words for the same shape. Errors: kInvalidArgument for one that no pass has, kOutOfMemory where scratch
  // memory would not fit into 4 GB.
  Result<std::vector<uint32_t>> list(const PassShape& shape);

 private:
  const Model& model_;
  WeightTable weights_;
};

// What a pass of a shape reads beside its list: for each sequence {slot of its state, first row, rows}, then R token ids, then the
// wanted rows. REQUIRES: a slot for each sequence.
std::vector<uint32_t> tables(const Batch& batch, std::span<const uint32_t> slots);

}  // namespace rwkv
