// Little memory: every operation with every amount of it.
#include "room.h"

#include "formats/lora.h"
#include "fuzz/tiny_models.h"
#include "memory_budget.h"
#include "model/oracle.h"
#include "session/scoring.h"
#include "session/session.h"

using namespace rwkv;
using rwkv::fuzz::OpenFile;
using rwkv::fuzz::tiny_model;

namespace {

#ifdef __SANITIZE_ADDRESS__  // a hundred times as slow: one of the kind, in large steps
constexpr Version kVersions[] = {Version::k7a};
constexpr uint64_t kStep = 1 << 20;
#else
constexpr Version kVersions[] = {Version::k4, Version::k5_0, Version::k5_2,
                                 Version::k6, Version::k7,   Version::k7a};
constexpr uint64_t kStep = 4 << 10;
#endif

// Wide, so that what is not small is not hidden among it.
Bytes wide_file(Version version) { return write_safetensors(tiny_model(version, 64, 2, 4096)); }

Model wide_model(Version version) {
  return require(load_model(OpenFile(wide_file(version)).checkpoint, Quantization::kQ8));
}

constexpr uint64_t kLeast = 64 << 10,  // for the words of an error
    kMost = 16 << 20;

// Runs `act` on what `make` gives with the least memory that suffices, to a step, and on the way to it with too little: that is told,
// nothing is lost and `unchanged` holds.
template <class Make, class Act, class Check>
void with_little_memory(Make make, Act act, Check check, int64_t may_keep = 0) {
  uint64_t few = kLeast, enough = kMost;
  while (enough - few > kStep) {
    const uint64_t bytes = few + (enough - few) / 2;
    auto subject = make();
    const int64_t before = live_bytes();
    const auto code = [&] {
      const MemoryBudget budget(bytes);
      const Status done = act(subject);
      return done.ok() ? "" : error_code(done.error().kind);
    }();
    const bool is_done = std::string_view(code).empty();
    const int64_t kept = live_bytes() - before;
    CAPTURE(bytes, kept);
    if (!is_done) {
      CHECK(code == std::string_view("out-of-memory"));
      CHECK(kept <= may_keep);  // of calls that have done some of it
      require(act(subject));    // there is memory again
    }
    (is_done ? enough : few) = bytes;
    check(subject);
  }
}

}  // namespace

TEST_CASE("room is there or is not, and asking for it takes none") {
  const int64_t before = live_bytes();
  const MemoryBudget budget(2 << 20);
  const bool fits = has_room(2 << 20), exceeds = has_room((2 << 20) + 1), absurd = has_room(UINT64_MAX);
  const bool with_small = require_room((2 << 20) - kSmallBytes, "a").ok(),
             without = require_room(2 << 20, "a").ok(), too_many = require_room(UINT64_MAX, "a").ok();
  CHECK((fits && !exceeds && !absurd && with_small && !without && !too_many));
  CHECK(live_bytes() == before);
}

TEST_CASE("a pass takes no more scratch memory than it says, and more than a third of what is no rounding") {
  for (const Version version : kVersions)
    for (const int tokens : {1, 2, 5, 32}) {
      CAPTURE(version_name(version), tokens);
      const Model model = wide_model(version);
      const size_t V = size_t(model.config.vocabulary);
      std::vector<float> logits(V * size_t(tokens));
      const std::vector<Token> ids(size_t(tokens), 7);
      State state(model.config);
      Arena arena, tight;
      const uint64_t bytes = scratch_bytes(model, uint64_t(tokens), uint64_t(tokens)),
                     rounding = scratch_bytes(model, 0, 0);
      REQUIRE(arena.reserve(bytes, "a pass").ok());
      REQUIRE(tight.reserve((bytes - rounding) / 3, "a pass").ok());
      const Slice slice{&state, ids, ids.size(), logits.data()};
      const auto taken = [&](Arena& from) {
        const int64_t before = live_bytes();
        forward(model, {&slice, 1}, from);
        return live_bytes() - before;
      };
      CHECK(taken(arena) == 0);
      CHECK(taken(tight) > 0);
    }
}

TEST_CASE(
    "a session is made, copied, read, drawn from, saved and restored in little memory, or all stays as it "
    "was") {
  for (const Version version : kVersions) {
    CAPTURE(version_name(version));
    const Model model = wide_model(version);
    std::vector<Token> text(100), more(200'000, 9);
    for (size_t i = 0; i < text.size(); ++i) text[i] = Token(1 + i * 7 % 4000);
    const SamplingOptions lively{
        .temperature = 2, .top_p = 0.99f, .typical_p = 0.9f, .frequency_penalty = 0.1f};
    const auto drain = [](Session& session, Arena& arena) -> Status {
      Session* one[] = {&session};
      while (session.pending())
        if (Status read = read_pending(one, arena); !read) return read;
      return Done{};
    };
    // Read and drawn from, so that all parts of it hold something.
    const auto used = [&] {
      Arena arena;
      Session session = require(Session::create(model, nullptr, 3));
      require(session.prompt(text));
      require(drain(session, arena));
      require(session.sample(lively));
      require(drain(session, arena));
      return session;
    };
    const auto bytes_of = [](const Session& session) {
      return require(session.save(Session::SavedAs::kF32));
    };
    const Session first = used();
    const auto start = bytes_of(first);
    struct Subject {
      Session session;
      std::optional<Session> other = {};
      std::vector<std::byte> bytes = {};
      Arena arena = {};
    };
    const auto make = [&] { return Subject{require(first.fork())}; };
    // What `act` makes of it is what it makes with all memory.
    const auto check_act = [&](auto act, int64_t may_keep = 0) {
      Subject expected = make();
      require(act(expected));
      const auto after = bytes_of(expected.session);
      with_little_memory(
          make, act,
          [&](Subject& subject) {
            CHECK(bytes_of(subject.session) == after);
            CHECK(subject.bytes == expected.bytes);
            CHECK(subject.other.has_value() == expected.other.has_value());
            if (subject.other) CHECK(bytes_of(*subject.other) == bytes_of(*expected.other));
          },
          may_keep);
    };
    const auto into = [](auto& place, auto result) -> Status {
      if (!result) return result.error();
      place.emplace(std::move(*result));
      return Done{};
    };
    check_act([&](Subject& s) { return into(s.other, Session::create(model, nullptr, 5)); });
    check_act([&](Subject& s) { return into(s.other, s.session.fork()); });
    check_act([&](Subject& s) { return s.session.prompt(more); });
    check_act([&](Subject& s) -> Status {
      if (s.session.pending()) return Done{};  // drawn already
      const auto piece = s.session.sample(lively);
      return piece ? Status(Done{}) : piece.error();
    });
    for (const auto format : {Session::SavedAs::kF32, Session::SavedAs::kF16})
      check_act([&](Subject& s) -> Status {
        auto saved = s.session.save(format);
        if (!saved) return saved.error();
        s.bytes = std::move(*saved);
        return Done{};
      });
    check_act([&](Subject& s) {
      const MemorySource file("a session", start);
      return into(s.other, Session::restore(model, nullptr, file));
    });
    check_act(
        [&](Subject& s) -> Status {
          if (!s.session.pending())
            if (Status queued = s.session.prompt(text); !queued) return queued;
          return drain(s.session, s.arena);
        },
        kMost);
  }
}

#ifndef __SANITIZE_ADDRESS__
TEST_CASE("texts are scored and pooled in little memory, or it is told") {
  for (const Version version : kVersions) {
    CAPTURE(version_name(version));
    const Model model = wide_model(version);
    const std::vector<Token> text(70, 11);
    const auto check_reading = [&](auto start, auto numbers) {
      using Reading = std::remove_reference_t<decltype(*start())>;
      struct Subject {
        std::optional<Reading> reading = {};
        Arena arena = {};
      };
      const auto act = [&](Subject& s) -> Status {
        if (!s.reading) {
          auto started = start();
          if (!started) return started.error();
          s.reading.emplace(std::move(*started));
        }
        while (!s.reading->is_done())
          if (Status read = s.reading->next(s.arena); !read) return read;
        return Done{};
      };
      Subject expected;
      require(act(expected));
      with_little_memory([] { return Subject(); }, act,
                         [&](Subject& s) { CHECK(numbers(*s.reading) == numbers(*expected.reading)); },
                         kMost);
    };
    // All of a vocabulary are sorted behind each token: in one version.
    for (const int top : {0, version == Version::k7a ? 4096 : 5})
      check_reading([&] { return Scoring::start(model, text, top); },
                    [](const Scoring& s) { return s.log_probabilities(); });
    check_reading([&] { return Pooling::start(model, text); }, [](const Pooling& p) { return p.mean(); });
  }
}

TEST_CASE("models of every version load in little memory, or it is told") {
  for (const Version version : kVersions)
    for (const Quantization quantization : {Quantization::kF16, Quantization::kQ4}) {
      CAPTURE(version_name(version), quantization_name(quantization));
      const Bytes file = write_safetensors(tiny_model(version, 64, 2, 1024));
      const MemorySource source("a model", file);
      const Bytes packed = converted(require(open_checkpoint(source)), quantization);
      const MemorySource packed_source("a packed model", packed);
      struct Subject {
        Checkpoint checkpoint = {};
        std::optional<Model> model = {};
      };
      for (const MemorySource* from : {&source, &packed_source}) {
        const auto act = [&](Subject& s) -> Status {
          auto opened = open_checkpoint(*from);
          if (!opened) return opened.error();
          s.checkpoint = std::move(*opened);
          auto loaded = load_model(s.checkpoint, quantization);
          if (!loaded) return loaded.error();
          s.model.emplace(std::move(*loaded));
          return Done{};
        };
        Subject expected;
        require(act(expected));
        const std::vector<Token> text = {1, 2, 3};
        with_little_memory(
            [] { return Subject(); }, act,
            [&](Subject& s) { CHECK(read_all(*s.model, text, 3) == read_all(*expected.model, text, 3)); },
            kMost);
      }
    }
}
#endif

TEST_CASE("a model with adapters loads in little memory, or it is told") {
  const Bytes model = wide_file(Version::k7);
  const MemorySource model_source("model", model);
  const Shape head = require(open_checkpoint(model_source)).find("head.weight")->shape;
  constexpr int64_t kRank = 32;  // B takes some 500 KB
  const auto zeros = [](const char* name, Shape shape) {
    const auto bytes = size_t(shape[0] * shape[1]) * sizeof(float);
    return FileTensor{name, DType::kF32, std::move(shape), Bytes(bytes)};
  };
  const Bytes lora =
      write_safetensors({zeros("head.lora_A", {kRank, head[1]}), zeros("head.lora_B", {head[0], kRank})});
  const MemorySource lora_source("lora", lora);
  const JoinedSource both(model_source, lora_source);
  with_little_memory([] { return 0; },
                     [&](int) -> Status {
                       auto checkpoint = open_checkpoint(model_source);
                       if (!checkpoint) return checkpoint.error();
                       if (Status joined = join_lora(*checkpoint, both, {.alpha = 1}); !joined) return joined;
                       const auto loaded = load_model(*checkpoint, Quantization::kQ8);
                       return loaded ? Status(Done{}) : loaded.error();
                     },
                     [](int) {});
}
