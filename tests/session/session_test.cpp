#include "session/session.h"

#include "model/oracle.h"
#include "reference.h"

using namespace rwkv;

namespace {

const SamplingOptions kGreedy{.temperature = 0};

void drain(Session& session) {
  Arena arena;
  Session* one[] = {&session};
  while (session.pending()) require(read_pending(one, arena));
}

std::vector<Token> generate(Session& session, int count, const SamplingOptions& options) {
  std::vector<Token> tokens;
  for (int i = 0; i < count; ++i) {
    drain(session);
    tokens.push_back(require(session.sample(options)).token);
    if (tokens.back() == kEndOfText) break;
  }
  return tokens;
}

}  // namespace

TEST_CASE("a prompt may come in any pieces") {
  const Oracle oracle = load_oracle("v6-bf16");
  const std::span<const Token> tokens(oracle.tokens);
  Session whole = require(Session::create(oracle.model, nullptr, 1)),
          pieces = require(Session::create(oracle.model, nullptr, 1));
  require(whole.prompt(tokens));
  drain(whole);
  for (const auto& [from, count] : {std::pair{0, 3}, {3, 1}, {4, 0}, {4, 36}}) {
    require(pieces.prompt(tokens.subspan(from, count)));
    drain(pieces);
  }
  CHECK(std::equal(whole.logits().begin(), whole.logits().end(), pieces.logits().begin()));
  const std::vector<float> logits(whole.logits().begin(), whole.logits().end());
  CHECK(reference::max_difference(logits, std::vector<float>(oracle.logits.end() - ptrdiff_t(logits.size()),
                                                             oracle.logits.end())) < 2e-4);
}

TEST_CASE("a prompt longer than a chunk is read a chunk at a time") {
  const Oracle oracle = load_oracle("v7-bf16");
  Session session = require(Session::create(oracle.model, nullptr, 1));
  require(session.prompt(oracle.tokens));
  Arena arena;
  Session* one[] = {&session};
  require(read_pending(one, arena));
  CHECK(session.pending() == 40 - kChunk);
  CHECK(session.logits().empty());
  require(read_pending(one, arena));
  CHECK(session.pending() == 0);
  CHECK(session.logits().size() == size_t(oracle.model.config.vocabulary));
}

TEST_CASE("an empty prompt starts a fresh session from the end of text and leaves a used one alone") {
  const Oracle oracle = load_oracle("v7-bf16");
  Session fresh = require(Session::create(oracle.model, nullptr, 1)),
          zero = require(Session::create(oracle.model, nullptr, 1));
  require(fresh.prompt({}));
  CHECK(fresh.pending() == 1);
  require(zero.prompt(std::vector<Token>{kEndOfText}));
  drain(fresh), drain(zero);
  CHECK(std::equal(fresh.logits().begin(), fresh.logits().end(), zero.logits().begin()));
  require(fresh.prompt({}));
  CHECK(fresh.pending() == 0);
}

TEST_CASE("a token id out of range is refused and nothing is queued") {
  const Oracle oracle = load_oracle("v4-bf16");
  Session session = require(Session::create(oracle.model, nullptr, 1));
  for (const Token bad : {-1, 256, 1 << 30}) {
    const auto status = session.prompt(std::vector<Token>{1, bad});
    REQUIRE(!status.ok());
    CHECK(status.error().kind == ErrorKind::kInvalidArgument);
    CHECK(status.error().message == "token id: expected 0 to 255, found " + std::to_string(bad));
    CHECK(session.pending() == 0);
  }
}

TEST_CASE("the same seed gives the same tokens, and sessions beside each other do not disturb each other") {
  const Oracle oracle = load_oracle("v7-bf16");
  const SamplingOptions options{.temperature = 1.2f, .top_p = 0.9f, .presence_penalty = 0.3f};
  const auto alone = [&](uint64_t seed) {
    Session session = require(Session::create(oracle.model, nullptr, seed));
    require(session.prompt(oracle.tokens));
    return generate(session, 24, options);
  };
  CHECK(alone(7) == alone(7));
  CHECK(alone(7) != alone(8));

  std::vector<Session> sessions;
  std::vector<Session*> together;
  std::vector<std::vector<Token>> texts(3);
  for (uint64_t seed = 0; seed < 3; ++seed)
    sessions.push_back(require(Session::create(oracle.model, nullptr, seed + 7)));
  for (Session& session : sessions) require(session.prompt(oracle.tokens)), together.push_back(&session);
  Arena arena;
  for (int step = 0; step < 24; ++step) {
    for (int i = 0; i < 2; ++i) require(read_pending(together, arena));  // the prompt takes two chunks
    for (size_t i = 0; i < 3; ++i)
      if (texts[i].empty() || texts[i].back() != kEndOfText)
        texts[i].push_back(require(sessions[i].sample(options)).token);
  }
  for (uint64_t seed = 0; seed < 3; ++seed) CHECK(texts[seed] == alone(seed + 7));
}

TEST_CASE("a chunk is no longer than asked for, and changes nothing") {
  const Oracle oracle = load_oracle("v7-bf16");
  Session whole = require(Session::create(oracle.model, nullptr, 1)),
          slow = require(Session::create(oracle.model, nullptr, 1));
  for (Session* session : {&whole, &slow}) require(session->prompt(oracle.tokens));
  drain(whole);
  Arena arena;
  Session* one[] = {&slow};
  for (const int most : {5, 1, 1000}) {
    const int before = slow.pending();
    require(read_pending(one, arena, std::span(&most, 1)));
    CHECK(before - slow.pending() == std::min({most, kChunk, before}));
  }
  drain(slow);
  CHECK(std::equal(whole.logits().begin(), whole.logits().end(), slow.logits().begin()));
}

TEST_CASE("a session that adopts another stands where that one does, with chance of its own") {
  const Oracle oracle = load_oracle("v7-bf16");
  const SamplingOptions options{.temperature = 1.2f, .top_p = 0.9f, .presence_penalty = 0.3f};
  const std::span<const Token> tokens(oracle.tokens);
  Session read = require(Session::create(oracle.model, nullptr, 7)),
          other = require(Session::create(oracle.model, nullptr, 8)),
          adopting = require(Session::create(oracle.model, nullptr, 7));
  require(read.prompt(tokens));
  require(other.prompt(tokens.first(30)));
  drain(other);
  adopting.adopt(other);
  CHECK(adopting.pending() == 0);
  CHECK(std::equal(adopting.logits().begin(), adopting.logits().end(), other.logits().begin()));
  require(adopting.prompt(tokens.subspan(30)));
  CHECK(generate(adopting, 20, options) == generate(read, 20, options));
}

TEST_CASE("a session that had read nothing is as it was after a reset, where chance goes on as it stood") {
  const Oracle oracle = load_oracle("v7-bf16");
  const SamplingOptions options{.temperature = 1.2f, .top_p = 0.9f, .presence_penalty = 0.3f};
  Session session = require(Session::create(oracle.model, nullptr, 7));
  const auto write = [&](std::span<const Token> prompt) {
    require(session.prompt(prompt));
    return generate(session, 12, options);
  };
  const std::span<const Token> tokens(oracle.tokens);
  const std::vector<Token> first = write(tokens);
  session.reset();
  const uint64_t chance = session.chance();
  const std::vector<Token> second = write(tokens);
  CHECK(second != first);
  write(tokens.first(3));
  session.reset();
  session.go_on_at(chance);
  CHECK(write(tokens) == second);
}

TEST_CASE("what was sampled is read before the text goes on") {
  const Oracle oracle = load_oracle("v52-fp16");
  Session session = require(Session::create(oracle.model, nullptr, 1)),
          replay = require(Session::create(oracle.model, nullptr, 1));
  require(session.prompt(oracle.tokens));
  std::vector<Token> text = oracle.tokens;
  for (const Token token : generate(session, 10, kGreedy)) text.push_back(token);
  drain(session);
  require(replay.prompt(text));
  drain(replay);
  CHECK(std::equal(session.logits().begin(), session.logits().end(), replay.logits().begin()));
}

TEST_CASE("tokens are drawn from the allowed ones") {
  const Oracle oracle = load_oracle("v7-bf16");
  Session session = require(Session::create(oracle.model, nullptr, 1));
  require(session.prompt(oracle.tokens));
  std::vector<uint32_t> allowed(8);
  allowed[3] = 0b110;  // 97 and 98
  for (int i = 0; i < 20; ++i) {
    drain(session);
    const Token token = require(session.sample({.temperature = 5}, allowed)).token;
    CHECK((token == 97 || token == 98));
  }
}

TEST_CASE("a copy that repeats what was drawn goes on as the session that drew it") {
  const Oracle oracle = load_oracle("v7-bf16");
  const auto tokenizer = make_byte_tokenizer();
  const SamplingOptions options{.temperature = 1.5f, .presence_penalty = 0.5f, .frequency_penalty = 0.5f};
  Session session = require(Session::create(oracle.model, tokenizer.get(), 1));
  require(session.prompt(oracle.tokens));
  generate(session, 5, options);
  drain(session);
  Session copy = require(session.fork());
  const std::vector<Token> drawn = generate(session, 12, options);
  require(copy.repeat(drawn, options, session));
  CHECK(copy.pending() == 12);
  CHECK(generate(copy, 20, options) == generate(session, 20, options));
  CHECK(require(copy.save(Session::SavedAs::kF32)) == require(session.save(Session::SavedAs::kF32)));
}

TEST_CASE("pieces of text hold whole characters") {
  const Oracle oracle = load_oracle("v4-bf16");
  const auto tokenizer = make_byte_tokenizer();
  Session session = require(Session::create(oracle.model, tokenizer.get(), 3));
  require(session.prompt(std::vector<Token>{65}));
  std::string bytes, text;
  for (int i = 0; i < 200; ++i) {
    drain(session);
    const Piece piece = require(session.sample({.temperature = 2}));
    if (piece.token == kEndOfText) break;
    bytes += char(piece.token);
    text += piece.text;
  }
  Utf8Stream stream;
  const std::string expected = stream.push(bytes);
  CHECK(bytes.size() > 20);
  CHECK(text == expected);
}

TEST_CASE("a vocabulary that is too large for the model is refused") {
  const Oracle oracle = load_oracle("v4-bf16");
  const auto tokenizer = make_byte_tokenizer();
  CHECK(check_vocabulary("bytes", tokenizer.get(), oracle.model.config).ok());
  CHECK(check_vocabulary("bytes", nullptr, oracle.model.config).ok());
  Config small = oracle.model.config;
  small.vocabulary = 255;
  CHECK(!check_vocabulary("bytes", tokenizer.get(), small).ok());
}
