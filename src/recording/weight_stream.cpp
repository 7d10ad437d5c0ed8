#include "recording/weight_stream.h"

#include "recording/recording.h"

namespace rwkv {

Result<WeightStream> WeightStream::start(const Checkpoint& checkpoint, Quantization quantization,
                                         LoadProgress progress, uint64_t part_bytes) {
  auto loading = Loading::start(checkpoint, quantization, std::move(progress), part_bytes);
  if (!loading) return loading.error();
  loading->hand_over(part_bytes);
  return WeightStream(std::move(*loading));
}

Result<bool> WeightStream::next() {
  piece_.reset();
  if (!loading_.is_whole()) {
    const Result<bool> more = loading_.next();
    if (more && loading_.is_whole()) table_ = Recording(loading_.model()).weights();
    return more ? Result<bool>(true) : more;
  }
  while (next_ < weights().size() && !weights()[next_].has_content) ++next_;
  if (next_ < weights().size()) {
    const Weight& weight = weights()[next_];
    piece_ = Piece{uint32_t(next_++), 0, {weight.place, size_t(weight.bytes)}};
    return true;
  }
  const Result<bool> more = loading_.next();
  if (!more) return more;
  read_ = loading_.take_piece();
  piece_ = Piece{table_.find(read_.place), read_.offset, read_.bytes.span()};
  if (!loading_.warnings().empty())
    return Error{ErrorKind::kUnsupported,
                 loading_.warnings().front() + ", which a device may take for numbers"};
  return more;
}

}  // namespace rwkv
