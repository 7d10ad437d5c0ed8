#include <cmath>

#include "model/oracle.h"
#include "session/session.h"

namespace rwkv {
namespace {

using Catch::Matchers::ContainsSubstring;
using SavedAs = Session::SavedAs;

const SamplingOptions kLively{
    .temperature = 1.2f, .top_p = 0.9f, .presence_penalty = 0.3f, .frequency_penalty = 0.3f};

void drain(Session& session) {
  Arena arena;
  Session* one[] = {&session};
  while (session.pending()) require(read_pending(one, arena));
}

std::vector<Token> generate(Session& session, int count) {
  std::vector<Token> tokens;
  for (int i = 0; i < count; ++i) {
    drain(session);
    tokens.push_back(require(session.sample(kLively)).token);
  }
  return tokens;
}

Result<Session> restore(const Oracle& oracle, const Bytes& bytes, const Tokenizer* tokenizer = nullptr) {
  return Session::restore(oracle.model, tokenizer, MemorySource("saved", bytes));
}

std::string message(const Result<Session>& result) {
  return result.ok() ? "restored" : result.error().message;
}

struct Used {
  Oracle oracle = load_oracle("v7-bf16");
  Session session = require(Session::create(oracle.model, nullptr, 7));
  Used() {
    require(session.prompt(oracle.tokens));
    generate(session, 5);
    drain(session);
  }
};

TEST_CASE("a restored session goes on with the very tokens, in every version") {
  for (const char* name : kOracles) {
    INFO(name);
    const Oracle oracle = load_oracle(name);
    Session session = require(Session::create(oracle.model, nullptr, 7));
    require(session.prompt(oracle.tokens));
    generate(session, 9);
    const Bytes queued = require(session.save(SavedAs::kF32));  // the last token is not read yet
    drain(session);
    const Bytes read = require(session.save(SavedAs::kF32));
    const auto expected = generate(session, 30);
    for (const Bytes& bytes : {queued, read}) {
      Session restored = require(restore(oracle, bytes));
      CHECK(require(restored.save(SavedAs::kF32)) == bytes);
      CHECK(generate(restored, 30) == expected);
    }
  }
}

TEST_CASE("a fresh session can be saved") {
  const Oracle oracle = load_oracle("v4-bf16");
  Session session = require(Session::create(oracle.model, nullptr, 3));
  Session restored = require(restore(oracle, require(session.save(SavedAs::kF32))));
  require(session.prompt({}));
  require(restored.prompt({}));
  CHECK(generate(restored, 20) == generate(session, 20));
}

TEST_CASE("a copy is a fork: both go on by themselves") {
  Used used;
  Session fork = require(used.session.fork());
  const auto expected = generate(used.session, 20);
  CHECK(generate(fork, 20) == expected);
}

TEST_CASE("a session that is reset is a fresh one, but for chance") {
  Used used;
  used.session.reset();
  CHECK(used.session.pending() == 0);
  CHECK(used.session.logits().empty());
  used.session.reseed(3);
  Session fresh = require(Session::create(used.oracle.model, nullptr, 3));
  for (Session* session : {&used.session, &fresh}) require(session->prompt({{5, 6}}));
  CHECK(generate(used.session, 20) == generate(fresh, 20));
}

TEST_CASE("halves take half the memory and are near") {
  Used used;
  const Bytes whole = require(used.session.save(SavedAs::kF32)),
              half = require(used.session.save(SavedAs::kF16));
  CHECK(half.size() < whole.size() * 0.52);
  Session restored = require(restore(used.oracle, half));
  float largest = 0, difference = 0;
  for (size_t i = 0; i < restored.logits().size(); ++i) {
    largest = std::max(largest, std::fabs(used.session.logits()[i]));
    difference = std::max(difference, std::fabs(used.session.logits()[i] - restored.logits()[i]));
  }
  CHECK(difference <= largest * 0x1p-11f);
  generate(restored, 10);
  for (const float logit : restored.logits()) CHECK(std::isfinite(logit));
}

TEST_CASE("half a character is saved") {
  const Oracle oracle = load_oracle("v7-bf16");
  const auto bytes_of_tokens = make_byte_tokenizer();
  Session session = require(Session::create(oracle.model, bytes_of_tokens.get(), 1));
  require(session.prompt(oracle.tokens));
  drain(session);
  const auto force = [](Session& s, Token token) {
    SamplingOptions only;
    only.logit_bias[token] = std::numeric_limits<float>::infinity();
    const std::string text = require(s.sample(only)).text;
    drain(s);
    return text;
  };
  CHECK(force(session, 0xF0).empty());
  CHECK(force(session, 0x9F).empty());
  Session restored = require(restore(oracle, require(session.save(SavedAs::kF32)), bytes_of_tokens.get()));
  CHECK(force(restored, 0x90).empty());
  CHECK(force(restored, 0x92) == "\xF0\x9F\x90\x92");
}

TEST_CASE("what is no saved session, damaged, newer or of another model is refused by name") {
  Used used;
  const Bytes good = require(used.session.save(SavedAs::kF32));
  CHECK(message(restore(used.oracle, {})) == "saved: not a saved session");
  for (size_t bytes = 8; bytes < good.size(); bytes += bytes < 80 ? 1 : 997)
    CHECK_THAT(message(restore(used.oracle, Bytes(good.begin(), good.begin() + ptrdiff_t(bytes)))),
               ContainsSubstring("saved: damaged saved session: "));
  for (size_t at = 0; at < good.size(); at += at < 120 ? 1 : 1009) {
    Bytes bad = good;
    bad[at] ^= std::byte{16};
    CHECK_FALSE(restore(used.oracle, bad).ok());
  }
  Bytes newer = good;
  newer[8] = std::byte{2};
  CHECK(message(restore(used.oracle, newer)) ==
        "saved: a saved session of format version 2; this version of rwkv-wasm reads version 1");
  const Oracle other = load_oracle("v6-bf16");
  const auto error = restore(other, good);
  CHECK(message(error) == "saved: a session of another model");
  CHECK(error.error().kind == ErrorKind::kBadModel);
}

TEST_CASE("another quantization of the model takes the session") {
  Used used;
  const Oracle q8 = load_oracle("v7-bf16", Quantization::kQ8);
  Session restored = require(restore(q8, require(used.session.save(SavedAs::kF32))));
  generate(restored, 5);
}

}  // namespace
}  // namespace rwkv
