// The tokenizer that a model file brings along.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "tokenizer/tokenizer.h"

namespace rwkv {

// nullptr where the file has no vocabulary, or one of a kind that only other programs can use: then a
// sentence goes to `warnings`. Errors: kBadVocabulary, kReadFailed, kOutOfMemory, with the file's name.
Result<std::unique_ptr<Tokenizer>> embedded_tokenizer(const Checkpoint& checkpoint,
                                                      std::vector<std::string>& warnings);

}  // namespace rwkv
