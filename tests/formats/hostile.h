// Bytes to try readers with: files cut short and files with bytes changed.
#pragma once

#include <catch_amalgamated.hpp>
#include <random>

#include "formats/promises.h"
#include "support.h"

namespace rwkv {

// What a reader said about a file: its tensors' promises hold, or it gave a kind and a sentence that begins
// with the name.
template <class Open>
bool keeps_promises(Open open, const Bytes& bytes) {
  const MemorySource source("model", bytes);
  return broken_promise(open(source), source).empty();
}

// Every beginning of the file, by `stride`.
template <class Open>
void require_survives_truncation(Open open, const Bytes& file, size_t stride = 1) {
  for (size_t length = 0; length <= file.size(); length += stride) {
    const Bytes cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(length));
    if (!keeps_promises(open, cut)) FAIL("cut to " << length << " bytes");
  }
}

// One to four bytes changed, each to anything, by one bit, or to a telling value. The same sequence on every
// machine.
template <class Open>
void require_survives_mutation(Open open, const Bytes& file, int count) {
  REQUIRE(open(MemorySource("model", file)).ok());  // or there would be little to find
  std::mt19937 random(20240229);
  constexpr uint8_t kTelling[] = {0x00, 0x01, 0x7F, 0x80, 0xFF, '(', '.', 'R', 'h', '"', '{', '['};
  for (int round = 0; round < count; ++round) {
    Bytes changed = file;
    for (uint32_t k = random() % 4 + 1; k > 0; --k) {
      std::byte& byte = changed[random() % changed.size()];
      const uint32_t choice = random();
      if (choice % 3 == 0) byte = static_cast<std::byte>(choice >> 8);
      else if (choice % 3 == 1) byte ^= static_cast<std::byte>(1u << (choice >> 8) % 8);
      else byte = static_cast<std::byte>(kTelling[(choice >> 8) % std::size(kTelling)]);
    }
    if (!keeps_promises(open, changed)) FAIL("mutation " << round);
  }
}

}  // namespace rwkv
