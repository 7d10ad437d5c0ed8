#include "training/documents.h"

#include <algorithm>
#include <numeric>

#include "formats/containers/checksum.h"
#include "room.h"
#include "training/random.h"

namespace rwkv {

Result<Documents> Documents::start(int context, int vocabulary) {
  if (context < 1 || vocabulary < 1)
    return Error{ErrorKind::kInvalidArgument,
                 "documents: expected a context and a vocabulary of at least one, found " +
                     std::to_string(context) + " and " + std::to_string(vocabulary)};
  return Documents(context, vocabulary);
}

Status Documents::add(std::span<const int32_t> tokens, std::span<const uint8_t> learned) {
  const auto refuse = [](const std::string& what) {
    return Error{ErrorKind::kInvalidArgument, "a document: " + what};
  };
  if (!learned.empty() && learned.size() != tokens.size())
    return refuse("expected " + std::to_string(tokens.size()) + " tokens to be learned or not, found " +
                  std::to_string(learned.size()));
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] < 0 || tokens[i] >= vocabulary_)
      return refuse("token " + std::to_string(i) + ": expected an id below " + std::to_string(vocabulary_) +
                    ", found " + std::to_string(tokens[i]));
  // Vectors grow to twice what they hold, beside it.
  const uint64_t all = uint64_t(tokens_.size()) + tokens.size(),
                 pieces = all / context_ + excerpts_.size() + 2;
  if (const Status room = require_room(3 * (all * 5 + pieces * (sizeof(Range) + 4)), "documents"); !room)
    return room;

  const size_t start = tokens_.size();
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  if (learned.empty()) learned_.resize(tokens_.size(), 1);
  else learned_.insert(learned_.end(), learned.begin(), learned.end());
  for (size_t first = 0; first + 1 < tokens.size(); first += context_) {
    const Range range{start + first, std::min(context_, tokens.size() - 1 - first) + 1};
    const auto targets = learned_.begin() + ptrdiff_t(range.first + 1);
    const auto count =
        uint64_t(range.count - 1 - size_t(std::count(targets, targets + ptrdiff_t(range.count - 1), 0)));
    if (count == 0) continue;
    excerpts_.push_back(range);
    learned_tokens_ += count;
    longest_ = std::max(longest_, int(range.count - 1));
  }
  order_.clear();
  return Done{};
}

Excerpt Documents::excerpt(uint64_t seed, uint64_t epoch, size_t at) {
  if (order_.empty() || seed != seed_ || epoch != epoch_) {
    seed_ = seed, epoch_ = epoch;
    order_.resize(excerpts_.size());
    std::iota(order_.begin(), order_.end(), 0u);
    SplitMix64 random(SplitMix64(seed).next() + epoch);
    for (size_t i = order_.size(); i > 1; --i)
      std::swap(order_[i - 1], order_[random.below(i)]);  // Fisher-Yates
  }
  const auto [first, count] = excerpts_[order_[at]];
  return {std::span(tokens_).subspan(first, count), std::span(learned_).subspan(first + 1, count - 1)};
}

uint64_t Documents::fingerprint() const {
  Checksum sum;
  sum.add(std::as_bytes(std::span(tokens_)));
  sum.add(std::as_bytes(std::span(learned_)));
  for (const Range& range : excerpts_) {
    const uint64_t words[] = {range.first, range.count};  // as wide on every machine
    sum.add(std::as_bytes(std::span(words)));
  }
  return sum.value();
}

uint64_t Documents::bytes() const {
  return tokens_.capacity() * sizeof(int32_t) + learned_.capacity() +
         excerpts_.capacity() * (sizeof(Range) + sizeof(uint32_t));
}

}  // namespace rwkv
