// Reads a model whose weights go to a device: piece by piece, so that they never lie in this memory whole.
#pragma once

#include <optional>

#include "model/weights.h"
#include "recording/weight_table.h"

namespace rwkv {

class WeightStream {
 public:
  static constexpr uint64_t kPartBytes = 4 << 20;  // of the file at a time

  // The checkpoint must outlive it. Errors: those of Loading::start.
  static Result<WeightStream> start(const Checkpoint& checkpoint, Quantization quantization,
                                    LoadProgress progress = {}, uint64_t part_bytes = kPartBytes);

  // By number, as Recording has them; empty before next() has brought the first piece.
  const std::vector<Weight>& weights() const { return table_.weights(); }
  // The bytes of a weight from `offset` on; of a weight in order.
  struct Piece {
    uint32_t id;
    uint64_t offset;
    std::span<const std::byte> bytes;  // until the next one
  };
  // Brings the next piece or, at first, none; whether there is more to come. Errors: those of load_model, and kUnsupported where
  // weights are not finite, which devices may take for numbers. It is over then.
  Result<bool> next();
  const std::optional<Piece>& piece() const { return piece_; }
  // Vectors and a few small matrices have content, the others a place. REQUIRES: next() said that there is nothing more.
  Model finish() { return loading_.finish(); }

 private:
  explicit WeightStream(Loading loading) : loading_(std::move(loading)) {}

  Loading loading_;
  WeightTable table_;
  size_t next_ = 0;  // of weights whose content lies here
  WeightPiece read_;
  std::optional<Piece> piece_;
};

}  // namespace rwkv
