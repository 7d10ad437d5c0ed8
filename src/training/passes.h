// How texts are taken apart into passes of so many rows at most: short ones side by side, a longer one in parts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

namespace rwkv {

// Part `part` of `parts` of the texts [first, first + count); of more than one part there is one text.
struct Pass {
  size_t first = 0, count = 0;
  int part = 0, parts = 1;
  bool reads_only = false;  // for the state behind it
};

class Passes {
 public:
  // `backwards`: a long text is read for the states between its parts, then learned from the last part to the first; else
  // each part is met once.
  Passes(int rows, int texts, bool backwards) : rows_(rows), texts_(size_t(texts)), backwards_(backwards) {}

  // The pass behind `pass` (none: the first), none behind the last. `length_of(i)`: rows of text i of `count`.
  template <class LengthOf>
  std::optional<Pass> next(const std::optional<Pass>& pass, size_t count, LengthOf length_of) const {
    if (!pass) return open(0, count, length_of);
    Pass next = *pass;
    if (next.reads_only) {
      next.part++;
      next.reads_only = next.part + 1 < next.parts;
      return next;
    }
    const bool is_last = backwards_ ? next.part == 0 : next.part + 1 == next.parts;
    if (is_last) return open(next.first + next.count, count, length_of);
    next.part += backwards_ ? -1 : 1;
    return next;
  }

 private:
  template <class LengthOf>
  std::optional<Pass> open(size_t first, size_t count, LengthOf length_of) const {
    if (first == count) return std::nullopt;
    int rows = length_of(first);
    Pass pass{first, 1, 0, (rows + rows_ - 1) / rows_};
    if (pass.parts > 1) {
      pass.reads_only = backwards_;
      return pass;
    }
    while (pass.count < texts_ && first + pass.count < count &&
           (rows += length_of(first + pass.count)) <= rows_)
      ++pass.count;
    return pass;
  }

  int rows_;
  size_t texts_;
  bool backwards_;
};

}  // namespace rwkv
