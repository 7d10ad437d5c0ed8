// Vocabularies inside model files: in hand-made bytes and in GGUF files as llama.cpp writes them.
#include "tokenizer/embedded_tokenizer.h"

#include <catch_amalgamated.hpp>

#include "formats/gguf_tokens.h"
#include "formats/gguf_writer.h"
#include "model/oracle.h"
#include "tokenizer/string_list.h"

namespace rwkv {
namespace {

using Warnings = std::vector<std::string>;

const std::string kStrings = string_list({"<s>", "a", R"(\n)", "ab", "[PAD4]"});

// Five bytes of something else, then the strings, then more.
Bytes file() { return to_bytes("GGUF!" + kStrings + "tensors"); }

Checkpoint with_vocabulary(const Source& source, EmbeddedVocabulary vocabulary) {
  Checkpoint checkpoint = {.source = &source};
  checkpoint.vocabulary = std::move(vocabulary);
  return checkpoint;
}

Error error_of(const Source& source, const EmbeddedVocabulary& vocabulary) {
  Warnings warnings;
  const auto made = embedded_tokenizer(with_vocabulary(source, vocabulary), warnings);
  REQUIRE(!made.ok());
  CHECK(warnings.empty());
  return made.error();
}

}  // namespace

TEST_CASE("a file's own World vocabulary becomes its tokenizer") {
  const Bytes bytes = file();
  const MemorySource source("tales.gguf", bytes);
  Warnings warnings;
  const auto made = embedded_tokenizer(with_vocabulary(source, {"rwkv", 5, kStrings.size(), 5}), warnings);
  REQUIRE(made.ok());
  REQUIRE(*made);
  CHECK(warnings.empty());
  CHECK((*made)->size() == 5);
  std::vector<Token> ids;
  CHECK((*made)->encode("aba\n", ids).ok());
  CHECK(ids == std::vector<Token>{3, 1, 2});
}

TEST_CASE("a file without a vocabulary has no tokenizer and nothing to warn of") {
  const Bytes bytes = file();
  const MemorySource source("tales.gguf", bytes);
  Warnings warnings;
  const auto made = embedded_tokenizer(with_vocabulary(source, {}), warnings);
  REQUIRE(made.ok());
  CHECK(!*made);
  CHECK(warnings.empty());
}

TEST_CASE("a vocabulary of another kind is left alone with a warning that names it") {
  const Bytes bytes = file();
  const MemorySource source("tales.gguf", bytes);
  for (const auto& [kind, shown] : {std::pair{"gpt2", "'gpt2'"}, {"llama\x1B", "'llama?'"}}) {
    Warnings warnings;
    const auto made = embedded_tokenizer(with_vocabulary(source, {kind, ~0ull, ~0ull, ~0ull}), warnings);
    REQUIRE(made.ok());
    CHECK(!*made);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].starts_with("tales.gguf: "));
    CHECK(warnings[0].find(shown) != std::string::npos);
  }
}

TEST_CASE("a vocabulary that is not where it should be is an error with the file's name") {
  const Bytes bytes = file();
  const MemorySource source("tales.gguf", bytes);
  const uint64_t size = kStrings.size();
  for (const EmbeddedVocabulary& vocabulary : {EmbeddedVocabulary{"rwkv", bytes.size() + 1, 0, 0},
                                               {"rwkv", 20, size, 5},
                                               {"rwkv", ~0ull, size, 5},
                                               {"rwkv", ~0ull - 10, 100, 5}}) {
    const Error error = error_of(source, vocabulary);
    CHECK(error.kind == ErrorKind::kBadVocabulary);
    CHECK(error.message == "tales.gguf: its vocabulary lies outside the file");
  }
  CHECK(error_of(source, {"rwkv", 5, ~0ull, 5}).message ==
        "tales.gguf: expected a vocabulary of at most 16777216 bytes, found 18446744073709551615");
  CHECK(error_of(source, {"rwkv", 5, size - 1, 5}).message ==
        "tales.gguf: token 4: expected 6 bytes, only 5 are left");
  CHECK(error_of(source, {"rwkv", 6, size, 5}).message.starts_with("tales.gguf: token 0: "));
  CHECK(error_of(source, {"rwkv", 5, 0, 0}).message == "tales.gguf: the vocabulary is empty");
}

TEST_CASE("a vocabulary that cannot be read is an error of its source") {
  const FaultySource source("tales.gguf", file(), 30);
  CHECK(error_of(source, {"rwkv", 5, kStrings.size(), 5}).kind == ErrorKind::kReadFailed);
}

TEST_CASE("a GGUF file's own vocabulary encodes as the vocabulary file that it was made of") {
  std::string text;
  for (int byte = 1; byte < 256; ++byte) {
    constexpr const char* kDigits = "0123456789abcdef";
    text += std::to_string(byte) + " b'\\x" + kDigits[byte >> 4] + kDigits[byte & 15] + "' 1\n";
  }
  text.replace(text.find("200 b'\\xc8' 1"), 13, "200 '\\n\\n' 2");
  const auto world = require(make_world_tokenizer("vocab.txt", text));

  const Bytes pth = read_file(fixture("oracle/v7-bf16.pth"));
  const MemorySource original("v7-bf16.pth", pth);
  const Bytes file = write_gguf(require(open_checkpoint(original)),
                                {.tokens = gguf_tokens(require(read_vocabulary("vocab.txt", text)), 256)});
  const MemorySource source("v7.gguf", file);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  Warnings warnings;
  const auto made = require(embedded_tokenizer(checkpoint, warnings));
  REQUIRE(made);
  CHECK(warnings.empty());
  CHECK(made->size() == 256);
  std::vector<Token> ids, expected;
  const std::string_view prompt = "User: it's \"so\"\n\n\tA\\b\r\n";
  REQUIRE(made->encode(prompt, ids).ok());
  REQUIRE(world->encode(prompt, expected).ok());
  CHECK(ids == expected);
}

TEST_CASE("a GGUF file with a vocabulary of another kind opens with a warning") {
  const Bytes pth = read_file(fixture("oracle/v6-bf16.pth"));
  const MemorySource original("v6-bf16.pth", pth);
  const Bytes file =
      write_gguf(require(open_checkpoint(original)), {.tokenizer = "gpt2", .tokens = {"a", "b"}});
  const MemorySource source("v6.gguf", file);
  Warnings warnings;
  CHECK(!require(embedded_tokenizer(require(open_checkpoint(source)), warnings)));
  CHECK(warnings.size() == 1);
}

}  // namespace rwkv
