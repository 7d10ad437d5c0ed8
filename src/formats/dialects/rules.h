// Files whose tensors are the authors' under other names, or turned, joined, flattened, transformed: each
// such dialect is a table of what differs.
#pragma once

#include "formats/checkpoint.h"

namespace rwkv {

enum class Layout : uint8_t {
  kSame,
  kTurned,  // last two axes swapped
  kHeads,   // (C) or (H, N) or with axes of one: (H, N)
  kFlat,    // anything: (C)
  kFused,   // n vectors joined, (n, ..., C)
};

struct Rule {
  std::string_view in_file, authors;  // names
  Layout layout = Layout::kSame;
  Stored stored = Stored::kValue;
  std::string_view letters = {};  // kFused: behind the authors' name, one for each vector
};

// nullptr where there is none.
inline const Rule* find_rule(std::span<const Rule> rules, std::string_view in_file) {
  for (const Rule& rule : rules)
    if (rule.in_file == in_file) return &rule;
  return nullptr;
}

// Enters `tensor` as `rule` has it under the authors' names, behind `prefix`. N = head_size. REQUIRES: no
// strides. Errors: kBadFile (a shape that the rule cannot mean, a name that is there already).
Status add_by_rule(const Rule& rule, const std::string& prefix, int64_t head_size, Tensor tensor,
                   Checkpoint& checkpoint);

}  // namespace rwkv
