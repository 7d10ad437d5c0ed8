// What is learned from: texts with their borders, cut into lessons of a length, in an order that a seed decides.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "result.h"

namespace rwkv {

// Tokens of one document from `first` on, all but the last of which are read, all but the first targets.
struct Excerpt {
  std::span<const int32_t> tokens;
  std::span<const uint8_t> learned;  // (tokens - 1): whether each target is
};

class Documents {
 public:
  // Errors: kInvalidArgument (a context of no tokens, a vocabulary of none).
  static Result<Documents> start(int context, int vocabulary);

  // A document; `learned` is empty, or tells of each token whether it is learned: the first never is. Documents
  // without one are left out. Errors: kInvalidArgument (an id out of range, which and where; sizes that
  // differ), kOutOfMemory, nothing added then.
  Status add(std::span<const int32_t> tokens, std::span<const uint8_t> learned = {});

  // Excerpts of at most `context` tokens that are read; each starts afresh, at its document's first token or
  // where another ends, and holds a token that is learned.
  size_t count() const { return excerpts_.size(); }
  // Tokens that the longest of them reads.
  int longest() const { return longest_; }
  // Of all documents: tokens that are learned.
  uint64_t learned_tokens() const { return learned_tokens_; }
  // The excerpt at place `at` of the order of `epoch`; every epoch has each excerpt once.
  Excerpt excerpt(uint64_t seed, uint64_t epoch, size_t at);
  // Of all tokens, which are learned, and how they are cut.
  uint64_t fingerprint() const;
  // The memory that they take.
  uint64_t bytes() const;

 private:
  Documents(int context, int vocabulary) : context_(size_t(context)), vocabulary_(vocabulary) {}

  struct Range {
    size_t first, count;  // of tokens_
  };
  size_t context_;
  int vocabulary_;
  std::vector<int32_t> tokens_;
  std::vector<uint8_t> learned_;  // of each token
  std::vector<Range> excerpts_;
  uint64_t learned_tokens_ = 0;
  int longest_ = 0;
  // The last order that was asked for.
  std::vector<uint32_t> order_;
  uint64_t seed_ = 0, epoch_ = 0;
};

}  // namespace rwkv
