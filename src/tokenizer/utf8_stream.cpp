#include <utility>

#include "tokenizer/tokenizer.h"
#include "utf8.h"

namespace rwkv {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

}  // namespace

std::string Utf8Stream::push(std::string_view bytes) {
  std::string held = std::exchange(pending_, {});
  held += bytes;
  std::string text;
  text.reserve(held.size());
  for (std::string_view rest = held; !rest.empty();) {
    const auto [kind, length] = utf8_prefix(rest);
    if (kind == Utf8Prefix::Kind::kUnfinished) {
      pending_ = rest;
      break;
    }
    text += kind == Utf8Prefix::Kind::kCharacter ? rest.substr(0, length) : kReplacement;
    rest.remove_prefix(length);
  }
  return text;
}

std::string Utf8Stream::finish() {
  std::string text(pending_.empty() ? std::string_view{} : kReplacement);
  reset();
  return text;
}

}  // namespace rwkv
