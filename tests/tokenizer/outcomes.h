#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "result.h"
#include "tokenizer/tokenizer.h"

namespace rwkv {

/** What became of mutated vocabularies: refused with a message that begins with the file's name, or tokens
 * that find themselves. */
struct Outcomes {
  int read = 0;
  int wrong = 0;

  void add(const Result<std::unique_ptr<Tokenizer>>& made, std::string_view name) {
    if (!made.ok()) {
      wrong += made.error().kind != ErrorKind::kBadVocabulary || !made.error().message.starts_with(name);
      return;
    }
    ++read;
    for (Token id = 0; id < (*made)->size(); ++id) {
      const std::string_view bytes = (*made)->bytes(id);
      std::vector<Token> ids;
      if (!bytes.empty()) wrong += !(*made)->encode(bytes, ids).ok() || ids != std::vector<Token>{id};
    }
  }
};

}  // namespace rwkv
