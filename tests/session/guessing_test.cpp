// Tokens that are guessed and read before they are drawn (speculative decoding): nothing that is drawn depends on it.
#include "memory_budget.h"
#include "model/oracle.h"
#include "room.h"
#include "session/session.h"

using namespace rwkv;

namespace {

const SamplingOptions kLively{
    .temperature = 1.3f, .top_p = 0.95f, .presence_penalty = 0.2f, .frequency_penalty = 0.1f};

int drain(Session& session) {
  Arena arena;
  Session* one[] = {&session};
  int passes = 0;
  for (; session.pending(); ++passes) require(read_pending(one, arena));
  return passes;
}

std::vector<float> copy_of(std::span<const float> logits) { return {logits.begin(), logits.end()}; }

// What a session draws, and the logits before each token and behind the last.
struct Text {
  std::vector<Token> tokens;
  std::vector<std::vector<float>> logits;
  int passes = 0;
};

// `guess(drawn)` gives what to guess behind so many tokens.
template <class Guess>
Text draw(Session& session, int count, const SamplingOptions& options, Guess guess) {
  Text text;
  for (int i = 0; i < count; ++i) {
    text.passes += drain(session);
    text.logits.push_back(copy_of(session.logits()));
    const Token token = require(session.sample(options)).token;
    text.tokens.push_back(token);
    if (token == kEndOfText) return text;
    session.guess(guess(i + 1));
  }
  text.passes += drain(session);
  text.logits.push_back(copy_of(session.logits()));
  return text;
}

Session started(const Oracle& oracle) {
  Session session = require(Session::create(oracle.model, nullptr, 7));
  require(session.prompt(oracle.tokens));
  return session;
}

std::vector<Token> nothing(int) { return {}; }

#ifdef __SANITIZE_ADDRESS__  // a hundred times as slow
constexpr int kRight[] = {1, 15}, kWrong[] = {0, 4}, kBehind[] = {2}, kDrawn = 16;
#else
constexpr int kRight[] = {0, 1, 2, 3, 15}, kWrong[] = {0, 1, 4}, kBehind[] = {1, 2, 3, 5}, kDrawn = 40;
#endif

}  // namespace

TEST_CASE("guesses change neither what is drawn nor a bit of the logits, right or wrong") {
  const auto* name = GENERATE("v4-bf16", "v6-bf16", "v7-bf16");
  const Oracle oracle = load_oracle(name);
  for (const SamplingOptions& options : {SamplingOptions{.temperature = 0}, kLively}) {
    Session plain = started(oracle);
    const Text expected = draw(plain, kDrawn, options, nothing);
    for (const int right : kRight)
      for (const int wrong : kWrong) {
        CAPTURE(name, options.temperature, right, wrong);
        Session session = started(oracle);
        const Text found = draw(session, kDrawn, options, [&](int drawn) {
          std::vector<Token> guesses;
          for (int i = drawn; i < drawn + right && i < int(expected.tokens.size()); ++i)
            guesses.push_back(expected.tokens[size_t(i)]);
          for (int i = 0; i < wrong; ++i) guesses.push_back(Token(1 + (drawn * 7 + i) % 255));
          return guesses;
        });
        CHECK(found.tokens == expected.tokens);
        CHECK(found.logits == expected.logits);
        if (right > 0 && wrong == 0) CHECK(found.passes < expected.passes);
      }
  }
}

TEST_CASE("a session that has read ahead is copied, saved and goes on as one that has not") {
  const Oracle oracle = load_oracle("v7-bf16");
  Session plain = started(oracle);
  const Text expected = draw(plain, 20, kLively, nothing);
  // Behind so many of the drawn tokens, with more read than that.
  for (const int drawn : kBehind) {
    CAPTURE(drawn);
    const auto stopped = [&] {
      Session session = started(oracle);
      drain(session);
      for (int i = 0; i < drawn; ++i) {
        require(session.sample(kLively));
        if (i == 0) session.guess(std::span(expected.tokens).subspan(1, 9)), drain(session);
      }
      REQUIRE(session.pending() == 0);
      return session;
    };
    const auto goes_on = [&](Session& session) {
      const Text rest = draw(session, 20 - drawn, kLively, nothing);
      CHECK(std::equal(rest.tokens.begin(), rest.tokens.end(), expected.tokens.begin() + drawn,
                       expected.tokens.end()));
      CHECK(rest.logits.back() == expected.logits.back());
    };
    Session itself = stopped();
    CHECK(copy_of(itself.logits()) == expected.logits[size_t(drawn)]);
    Session copy = require(itself.fork());
    CHECK(copy.pending() == drawn);
    goes_on(copy);
    goes_on(itself);

    Session forgets = stopped();
    forgets.forget_guesses();
    CHECK(forgets.pending() == drawn);
    goes_on(forgets);

    const auto bytes = require(stopped().save(Session::SavedAs::kF32));
    const MemorySource file("session", bytes);
    Session restored = require(Session::restore(oracle.model, nullptr, file));
    goes_on(restored);

    Session reset = stopped();
    reset.reset();
    CHECK(reset.logits().empty());
    Session prompted = stopped(), other = require(stopped().fork());
    for (Session* session : {&prompted, &other})
      require(session->prompt(std::vector<Token>{5, 6})), drain(*session);
    CHECK(copy_of(prompted.logits()) == copy_of(other.logits()));
  }
}

TEST_CASE("the only token that may come next is taken without a pass and without chance") {
  const Oracle oracle = load_oracle("v7-bf16");
  const std::vector<Token> only{65, 66, 67};
  const auto text = [&](bool reads) {
    Session session = started(oracle);
    drain(session);
    for (const Token id : only) {
      CHECK(require(session.take(id, kLively)).token == id);
      if (reads) drain(session);
    }
    if (!reads) CHECK(session.pending() == 3);
    return draw(session, 20, kLively, nothing);
  };
  const Text once = text(false), each = text(true);
  CHECK(once.tokens == each.tokens);
  CHECK(once.logits == each.logits);
}

TEST_CASE("sessions that guess beside others disturb nobody") {
  const Oracle oracle = load_oracle("v6-bf16");
  Session plain = started(oracle);
  const Text expected = draw(plain, 16, kLively, nothing);
  std::vector<Session> sessions;
  std::vector<Session*> together;
  for (int i = 0; i < 3; ++i) sessions.push_back(started(oracle));
  for (Session& session : sessions) together.push_back(&session);
  std::vector<std::vector<Token>> texts(3);
  Arena arena;
  for (int step = 0; step < 16; ++step) {
    const std::vector<int> most{32, 3, 1};  // chunks, which guesses do not count in
    while (
        std::any_of(sessions.begin(), sessions.end(), [](const Session& one) { return one.pending() > 0; }))
      require(read_pending(together, arena, most));
    for (size_t i = 0; i < 3; ++i) {
      texts[i].push_back(require(sessions[i].sample(kLively)).token);
      std::vector<Token> guesses;
      for (size_t at = size_t(step) + 1; at < expected.tokens.size() && guesses.size() < 2 * i; ++at)
        guesses.push_back(guesses.size() == 1 ? 1 : expected.tokens[at]);
      sessions[i].guess(guesses);
    }
  }
  for (const auto& text : texts) CHECK(text == expected.tokens);
}

TEST_CASE("guesses that there is no memory for are not made") {
  const Oracle oracle = load_oracle("v7-bf16");
  Session session = started(oracle);
  drain(session);
  require(session.sample(kLively));
  const std::vector<Token> guesses(15, 7);
  {
    const MemoryBudget budget(kSmallBytes);
    session.guess(guesses);
  }
  drain(session);
  CHECK(require(session.fork()).pending() == 0);  // what has read guesses has copies that read again
}
