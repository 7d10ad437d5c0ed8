#include "kernels/choice.h"

#include <algorithm>
#include <chrono>

#include "kernels/matmul.h"
#include "kernels/matmul_table.h"

namespace rwkv {
namespace {

constexpr const char* kFormNames[] = {"dot", "split", "fused"};  // in the order of Form

bool has_form(Quantization format, Form form) { return kernels_of(format).has(form); }

// What matmul uses for a format from use_choice on.
std::optional<Choice> choices[std::size(kFormatKernels)];

// The first form that there is. (Of the relaxed ones, split is the fastest on most machines.)
Choice usual_choice(Quantization format) {
  const Form form =
      *std::find_if(std::begin(kForms), std::end(kForms), [&](Form form) { return has_form(format, form); });
  return {form, 2, form};
}

}  // namespace

bool is_available(Quantization format, const Choice& choice) {
  const bool is_shape =
      std::find(std::begin(kStreams), std::end(kStreams), choice.streams) != std::end(kStreams);
  return is_shape && has_form(format, choice.row) && has_form(format, choice.rows);
}

Choice current_choice(Quantization format) {
  const std::optional<Choice>& choice = choices[int(format)];
  return choice ? *choice : usual_choice(format);
}

void use_choice(Quantization format, const Choice& choice) {
  assert(is_available(format, choice));
  choices[int(format)] = choice;
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

// Clocks in browsers tick every 5 to 1000 microseconds.
constexpr double kShortest = 1e-3;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Multiplies pieces of W, far from each other, by rows of x for at least kShortest and answers groups a
// second.
class Trial {
 public:
  Trial(const Matrix& W, int count, int groups)
      : W_(W), x_(arena_.rows(count, W.cols)), y_(arena_.rows(count, W.rows)), groups_(groups) {
    for (size_t i = 0; i < x_.size(); ++i) x_.data[i] = float(i % 17) - 8;
  }

  double run(const Choice& choice, int piece) {
    use_choice(W_.format, choice);
    const ArenaScope scope(arena_);
    const Activations activations = make_activations(W_, x_.count, arena_);
    fill_tiles(activations, x_, 0, activations.tiles());
    int done = 0;
    const double start = now();
    double elapsed = 0;
    while (elapsed < kShortest) {
      const int last = std::min(first_ + piece, groups_);
      matmul_groups(W_, activations, y_, first_, last);
      done += last - first_;
      first_ = int((first_ + size_t(groups_) * 610 / 987) % size_t(groups_));  // the golden section
      elapsed = now() - start;
    }
    return double(done) / elapsed;
  }

 private:
  const Matrix& W_;
  Arena arena_;
  Rows x_, y_;
  int groups_, first_ = 0;
};

// The fastest of several: each is tried once in every round, and its best round counts. Interrupted rounds
// are slow, and so are the first ones, before the engine has compiled the kernel well. The first candidate
// stays where no other is clearly faster, or where a busy machine leaves too few rounds to tell.
Choice fastest(const std::vector<Choice>& candidates, Trial& trial, int piece, double seconds) {
  constexpr int kEnoughRounds = 5;
  constexpr double kClearly = 1.03;
  std::vector<double> best(candidates.size());
  int rounds = 0;
  for (const double end = now() + seconds; now() < end; ++rounds)
    for (size_t i = 0; i < candidates.size(); ++i)
      best[i] = std::max(best[i], trial.run(candidates[i], piece));
  if (rounds < kEnoughRounds) return candidates[0];
  best[0] *= kClearly;
  return candidates[size_t(std::max_element(best.begin(), best.end()) - best.begin())];
}

}  // namespace

Choice choose(const Matrix& W, double seconds) {
  constexpr double kUsualBandwidth = 1e10;
  constexpr int kManyRows = 8, kManyGroups = 32;
  // As if it were many matrices: at the start of each the machine must find out where it leads, which is when
  // several streams help. (In one long walk one stream is a few percent faster.)
  constexpr size_t kPieceBytes = size_t{640} << 10;
  Choice choice = current_choice(W.format);
  seconds = std::min(seconds, 20 * double(W.data.bytes()) / kUsualBandwidth);
  if (W.empty() || seconds < 15 * kShortest) return choice;

  std::vector<Form> forms;
  for (const Form form : kForms)
    if (has_form(W.format, form) && (form != Form::kDot || !has_form(W.format, Form::kSplit)))
      forms.push_back(form);

  // For many rows by arithmetic, on weights in the cache.
  std::vector<Choice> candidates = {choice};
  for (const Form rows : forms)
    if (rows != choice.rows) candidates.push_back({choice.row, choice.streams, rows});
  if (candidates.size() > 1) {
    Trial many(W, kManyRows, std::min(group_count(W), kManyGroups));
    choice = fastest(candidates, many, kManyGroups, seconds / 4);
    seconds -= seconds / 4;
  }

  // For one row by how well it goes with reading from far memory.
  candidates = {choice};
  for (const Form row : forms)
    for (const int streams : kStreams)
      if (row != choice.row || streams != choice.streams) candidates.push_back({row, streams, choice.rows});
  Trial one(W, 1, group_count(W));
  const int piece = int(std::max(kPieceBytes / W.group_bytes(), size_t{4}));
  choice = fastest(candidates, one, piece, seconds);
  use_choice(W.format, choice);
  return choice;
}

}  // namespace rwkv
