#include "kernels/choice.h"

#include <algorithm>
#include <chrono>

#include "kernels/matmul.h"
#include "simd.h"

namespace rwkv {
namespace {

#if defined(__wasm_relaxed_simd__)
constexpr Form kUsualForm = Form::kSplit;
#else
constexpr Form kUsualForm = Form::kDot;
#endif

// What matmul uses, by format.
Choice choices[] = {{Form::kDot, 2, Form::kDot},
                    {Form::kDot, 2, Form::kDot},
                    {kUsualForm, 2, kUsualForm},
                    {kUsualForm, 2, kUsualForm}};

constexpr Form kForms[] = {Form::kDot, Form::kSplit, Form::kFused};
constexpr int kStreams[] = {1, 2, 4};
constexpr const char* kFormNames[] = {"dot", "split", "fused"};

bool has_form(Quantization format, Form form) {
  switch (form) {
    case Form::kDot:
      return true;
    case Form::kSplit:
      return kHasByteDots && format >= Quantization::kQ8;
    case Form::kFused:
      return kHasByteDots && format == Quantization::kQ8;
  }
  return false;
}

}  // namespace

bool is_available(Quantization format, const Choice& choice) {
  const bool is_shape =
      std::find(std::begin(kStreams), std::end(kStreams), choice.streams) != std::end(kStreams);
  return is_shape && has_form(format, choice.row) && has_form(format, choice.rows);
}

Choice current_choice(Quantization format) { return choices[int(format)]; }

void use_choice(Quantization format, const Choice& choice) {
  assert(is_available(format, choice));
  choices[int(format)] = choice;
}

std::string to_string(Quantization format, const Choice& choice) {
  return std::string(quantization_name(format)) + " " + kFormNames[int(choice.row)] + " x" +
         std::to_string(choice.streams) + ", rows " + kFormNames[int(choice.rows)];
}

std::optional<NamedChoice> find_choice(std::string_view name) {
  for (const Quantization format :
       {Quantization::kF32, Quantization::kF16, Quantization::kQ8, Quantization::kQ4})
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

// Multiplies W, piece after piece, by rows of x for at least kShortest and answers groups a second.
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
      if (first_ >= groups_) first_ = 0;
      const int last = std::min(first_ + piece, groups_);
      matmul_groups(W_, activations, y_, first_, last);
      done += last - first_, first_ = last;
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
// are slow, and so are the first ones, before the engine has compiled the kernel well.
Choice fastest(const std::vector<Choice>& candidates, Trial& trial, int piece, double seconds) {
  std::vector<double> best(candidates.size());
  const double end = now() + seconds;
  while (now() < end && candidates.size() > 1)
    for (size_t i = 0; i < candidates.size(); ++i)
      best[i] = std::max(best[i], trial.run(candidates[i], piece));
  return candidates[size_t(std::max_element(best.begin(), best.end()) - best.begin())];
}

}  // namespace

Choice choose(const Matrix& W, double seconds) {
  constexpr double kUsualBandwidth = 1e10;
  constexpr int kManyRows = 8, kManyGroups = 32;
  constexpr size_t kPieceBytes = size_t{256} << 10;
  Choice choice = current_choice(W.format);
  seconds = std::min(seconds, 20 * double(W.data.bytes()) / kUsualBandwidth);
  if (W.empty() || seconds < 10 * kShortest) return choice;

  // The form by its arithmetic, on weights in the cache; where memory is the limit, forms hardly differ.
  std::vector<Choice> candidates;
  for (const Form form : kForms)
    if (has_form(W.format, form) && (form != Form::kDot || !has_form(W.format, Form::kSplit)))
      candidates.push_back({form, choice.streams, form});
  const double for_forms = candidates.size() > 1 ? seconds / 3 : 0;
  Trial many(W, kManyRows, std::min(group_count(W), kManyGroups));
  choice = fastest(candidates, many, kManyGroups, for_forms);

  // Then the streams, on weights from far memory.
  candidates.clear();
  for (const int streams : kStreams) candidates.push_back({choice.row, streams, choice.rows});
  Trial one(W, 1, group_count(W));
  const int piece = int(std::max(kPieceBytes / W.group_bytes(), size_t{4}));
  choice = fastest(candidates, one, piece, seconds - for_forms);
  use_choice(W.format, choice);
  return choice;
}

}  // namespace rwkv
