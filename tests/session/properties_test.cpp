// However a text comes to be read (in which pieces, beside which others, through copies, files and ways back), its logits are the same
// to the bit. Chance plays with a few sessions; what each has read by then is read once more, in one go and alone.
#include <optional>
#include <random>

#include "fuzz/tiny_models.h"
#include "model/oracle.h"
#include "session/session.h"

using namespace rwkv;

namespace {

constexpr Version kVersions[] = {Version::k4, Version::k5_0, Version::k5_1, Version::k5_2,
                                 Version::k6, Version::k7,   Version::k7a};
constexpr int kGames = 3, kDeeds = 14;  // of each model
constexpr size_t kMostSessions = 4;
const SamplingOptions kOptions{.temperature = 1.5f, .presence_penalty = 0.5f};

// A session and all that it has read or has pending.
struct Told {
  std::optional<Session> session;
  std::vector<Token> text;
};

class Game {
 public:
  Game(const Model& model, unsigned seed) : model_(model), chance_(seed) { told_.push_back(fresh({})); }

  void play() {
    prompt(told_.front());
    for (int i = 0; i < kDeeds; ++i) {
      Told& told = told_[below(told_.size())];
      switch (below(8)) {
        case 0:
        case 1:
          prompt(told);
          break;
        case 2:
        case 3:
          read_some();
          break;
        case 4:
          copy(told);
          break;
        case 5:
          save(told);
          break;
        case 6:
          go_back(told);
          break;
        case 7:
          draw(told);
          break;
      }
    }
  }

  // What each session stands at, when all have been read, and what it should.
  void check() {
    while (pending()) read_some();
    for (const Told& told : told_) {
      const Told alone = fresh(told.text);
      INFO("after " << told.text.size() << " tokens");
      CHECK(
          std::ranges::equal(std::as_bytes(told.session->logits()), std::as_bytes(alone.session->logits())));
    }
  }

 private:
  size_t below(size_t end) { return chance_() % end; }
  bool pending() const {
    return std::ranges::any_of(told_, [](const Told& told) { return told.session->pending() > 0; });
  }

  Told fresh(std::vector<Token> text) {
    Told told{require(Session::create(model_, tokenizer_.get(), chance_())), std::move(text)};
    if (!told.text.empty()) require(told.session->prompt(told.text));
    drain(*told.session);
    return told;
  }

  void drain(Session& session) {
    Session* one[] = {&session};
    while (session.pending()) require(read_pending(one, arena_));
  }

  void prompt(Told& told) {
    std::vector<Token> tokens(1 + below(below(3) ? 5 : kChunk + 8));
    for (Token& token : tokens) token = Token(below(size_t(model_.config.vocabulary)));
    require(told.session->prompt(tokens));
    told.text.insert(told.text.end(), tokens.begin(), tokens.end());
  }

  // Some of the sessions in any order, so many tokens of each.
  void read_some() {
    std::vector<Session*> batch;
    std::vector<int> most;
    for (Told& told : told_)
      if (below(4)) batch.push_back(&*told.session), most.push_back(1 + int(below(kChunk + 8)));
    std::shuffle(batch.begin(), batch.end(), chance_);
    for (size_t i = batch.size(); i > 1; --i) std::swap(batch[i - 1], batch[below(i)]);
    require(read_pending(batch, arena_, most));
  }

  // Both go on from here.
  void copy(Told& told) {
    Told twin{require(told.session->fork()), told.text};
    if (told_.size() < kMostSessions) told_.push_back(std::move(twin));
    else told.session.emplace(std::move(*twin.session));
  }

  void save(Told& told) {
    const Bytes file = require(told.session->save(Session::SavedAs::kF32));
    told.session.emplace(require(Session::restore(model_, tokenizer_.get(), MemorySource("saved", file))));
  }

  // Reads what is taken back.
  void go_back(Told& told) {
    drain(*told.session);
    const Session before = require(told.session->fork());
    std::vector<Token> text = told.text;
    prompt(told);
    read_some();
    if (below(3)) told.session->adopt(before);
    else told.session->reset(), text.clear();
    told.text = std::move(text);
  }

  // Draws some tokens and takes back the last of them.
  void draw(Told& told) {
    drain(*told.session);
    if (told.text.empty()) return;
    Session before = require(told.session->fork());
    std::vector<Token> drawn;
    for (size_t count = 1 + below(5); drawn.size() < count;) {
      const Token token = require(told.session->sample(kOptions)).token;
      if (token == kEndOfText) break;
      drawn.push_back(token);
      drain(*told.session);
    }
    drawn.resize(below(drawn.size() + 1));
    require(before.repeat(drawn, kOptions, *told.session));
    told.session.emplace(std::move(before));
    told.text.insert(told.text.end(), drawn.begin(), drawn.end());
  }

  const Model& model_;
  const std::unique_ptr<Tokenizer> tokenizer_ = make_byte_tokenizer();
  std::mt19937 chance_;
  std::vector<Told> told_;
  Arena arena_;
};

}  // namespace

TEST_CASE(
    "whatever is done to sessions, each stands where one does that has read its text alone and at once") {
  const Version version = GENERATE(from_range(kVersions));
  const Quantization quantization = GENERATE(from_range(kQuantizations));
  const fuzz::OpenFile file(write_safetensors(fuzz::tiny_model(version, 64, 2, 256)));
  const Model model = require(load_model(file.checkpoint, quantization));
  REQUIRE(model.config.version == version);
  for (unsigned seed = 0; seed < kGames; ++seed) {
    INFO(version_name(version) << " " << quantization_name(quantization) << " seed " << seed);
    Game game(model, seed);
    game.play();
    game.check();
  }
}
