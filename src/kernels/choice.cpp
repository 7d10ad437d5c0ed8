#include "kernels/choice.h"

#include <algorithm>
#include <chrono>

#include "kernels/contest.h"
#include "kernels/matmul.h"
#include "kernels/matmul_table.h"

namespace rwkv {
namespace {

constexpr const char* kFormNames[] = {"dot", "split", "fused"};  // in the order of Form

// The first form that there is. (Of the relaxed ones, split is the fastest on most machines.)
Choice usual_choice(Quantization format) {
  const Form form = *std::find_if(std::begin(kForms), std::end(kForms),
                                  [&](Form form) { return kernels_of(format).of(form).has_row(1); });
  return {form, 2, form};
}

// The choices for one row, or for many, and how they prove themselves.
struct Trials {
  Choice candidates[Contest::kMostCandidates];
  int count = 0;
  Contest contest;
  int waiting = 0;   // products, until the next contest begins
  int contests = 0;  // that are over
  int pieces = 1;    // that are timed as one, where the clock is coarse
};

// Of a format.
struct Chosen {
  std::optional<Choice> now;
  bool is_pinned = false;
  std::optional<Choice> told;
  Trials row, rows;
} chosen[std::size(kFormatKernels)];

}  // namespace

bool is_available(Quantization format, const Choice& choice) {
  const bool is_shape =
      std::find(std::begin(kStreams), std::end(kStreams), choice.streams) != std::end(kStreams);
  const FormatKernels& kernels = kernels_of(format);
  return is_shape && kernels.of(choice.row).has_row(choice.streams) && kernels.of(choice.rows).has_rows();
}

Choice current_choice(Quantization format) {
  const std::optional<Choice>& now = chosen[int(format)].now;
  return now ? *now : usual_choice(format);
}

void start_from(Quantization format, const Choice& choice) {
  assert(is_available(format, choice));
  Chosen& one = chosen[int(format)];
  one = {};
  one.now = one.told = choice;
}

void use_choice(Quantization format, const Choice& choice) {
  start_from(format, choice);
  chosen[int(format)].is_pinned = true;
}

std::optional<NamedChoice> changed_choice() {
  for (const Quantization format : kQuantizations) {
    Chosen& one = chosen[int(format)];
    if (one.now == one.told) continue;
    one.told = one.now;
    return NamedChoice{format, current_choice(format)};
  }
  return std::nullopt;
}

std::string to_string(Quantization format, const Choice& choice) {
  return std::string(quantization_name(format)) + " " + kFormNames[int(choice.row)] + " x" +
         std::to_string(choice.streams) + ", rows " + kFormNames[int(choice.rows)];
}

std::optional<NamedChoice> find_choice(std::string_view name) {
  for (const Quantization format : kQuantizations)
    for (const Form row : kForms)
      for (const int streams : kStreams)
        for (const Form rows : kForms)
          if (const Choice choice{row, streams, rows};
              is_available(format, choice) && to_string(format, choice) == name)
            return NamedChoice{format, choice};
  return std::nullopt;
}

namespace {

// A piece is as large as a small matrix of a model, at whose start the machine must find out where its streams
// lead: that is when several help.
constexpr int kPieceGroups = 96;
// Products that are large enough: one row's has to come from far memory, many rows' are worth the time.
constexpr size_t kLargeBytes = size_t{15} << 19;
constexpr int kManyRows = 8, kLeastPieces = 4;
// A product gives each candidate so many pieces: a contest lasts while the engine compiles their kernels.
constexpr int kRoundsOfProduct = 2;
// Then so many products pass until the next one, which costs 0.1 % then; the first is the least certain.
constexpr int kFirstPause = 64, kPause = 1024;
// A piece lasts so many ticks of the clock. (In browsers they are 5 to 1000 microseconds.)
constexpr double kTicks = 20;

double now_ns() {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The least time that the clock sees.
double tick_ns() {
  static double tick = 0;
  for (const double start = now_ns(); tick == 0;) tick = now_ns() - start;
  return tick;
}

// All forms, with the numbers of streams for one row; the current choice first.
void list_candidates(Quantization format, bool is_row, Trials& trials) {
  const Choice now = current_choice(format);
  trials.candidates[0] = now;
  trials.count = 1;
  const auto add = [&](const Choice& choice) {
    if (choice != now && is_available(format, choice)) trials.candidates[trials.count++] = choice;
  };
  for (const Form form : kForms) {
    if (!is_row) add({now.row, now.streams, form});
    else
      for (const int streams : kStreams) add({form, streams, now.rows});
  }
  trials.contest.start(trials.count);
}

bool is_large(const Matrix& W, int rows) {
  if (group_count(W) < kLeastPieces * kPieceGroups) return false;
  return rows == 1 ? W.data.bytes() >= kLargeBytes : rows >= kManyRows;
}

// The winner is the current choice of its format, and of those that have not been tried: low-rank matrices are of
// another one, and too small.
void follow(Quantization tried, bool is_row, const Choice& winner) {
  for (const Quantization format : kQuantizations) {
    Chosen& one = chosen[int(format)];
    const Choice now = current_choice(format);
    const Choice next =
        is_row ? Choice{winner.row, winner.streams, now.rows} : Choice{now.row, now.streams, winner.rows};
    const bool is_untried = !one.is_pinned && (is_row ? one.row : one.rows).contests == 0;
    if (format == tried || (is_untried && is_available(format, next))) one.now = next;
  }
}

// Multiplies some groups by a choice; how long it takes.
double time_piece(const Matrix& W, Rows x, const Choice& choice, Rows y, int first, int last, Arena& arena) {
  const ArenaScope scope(arena);
  const Activations activations = make_activations(W, x.count, arena, choice);
  fill_tiles(activations, x, 0, activations.tiles());
  const double start = now_ns();
  matmul_groups(W, activations, y, first, last);
  return now_ns() - start;
}

}  // namespace

int try_choices(const Matrix& W, Rows x, Rows y, Arena& arena) {
  Chosen& format = chosen[int(W.format)];
  if (format.is_pinned || !is_large(W, x.count)) return 0;
  const bool is_row = x.count == 1;
  Trials& trials = is_row ? format.row : format.rows;
  if (trials.waiting > 0) return --trials.waiting, 0;
  if (trials.contest.is_over()) list_candidates(W.format, is_row, trials);
  if (trials.count == 1) return 0;

  const int piece = std::min(trials.pieces * kPieceGroups, group_count(W) & ~1);
  int done = 0;
  for (int i = 0; i < trials.count * kRoundsOfProduct && done + piece <= group_count(W); ++i) {
    const Choice& choice = trials.candidates[trials.contest.next()];
    const double ns = time_piece(W, x, choice, y, done, done + piece, arena);
    done += piece;
    if (ns < kTicks * tick_ns() && trials.pieces * kPieceGroups < group_count(W)) {
      trials.pieces *= 2;
      trials.contest.start(trials.count);
      return done;
    }
    trials.contest.record(ns / (double(piece) * W.cols * x.count));
    if (!trials.contest.is_over()) continue;
    follow(W.format, is_row, trials.candidates[trials.contest.winner()]);
    trials.waiting = trials.contests++ == 0 ? kFirstPause : kPause;
    break;
  }
  return done;
}

}  // namespace rwkv
