// What teaching a model takes: steps of random tokens, and in turns with them as many of them as a prompt.
//   learning_speed MODEL FORMAT METHOD CONTEXT BATCH STEPS [THREADS]
// METHOD: state, lora or full. Prints tokens a second (medians), their share of a prompt's rate, the longest piece of a step
// (of each the quickest run), the memory.
#include <cstdio>
#include <cstdlib>

#include "bench/stopwatch.h"
#include "model/weights.h"
#include "programs.h"
#include "training/tuning.h"
#if !defined(__wasm__) || defined(__wasm_atomics__)
#include "threads.h"
#endif

using namespace rwkv;

namespace {

constexpr size_t kChunk = 32;  // of a prompt at a time, as sessions read it

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + ptrdiff_t(values.size() / 2), values.end());
  return values[values.size() / 2];
}

Method method_of(const std::string& name) {
  return name == "full" ? Method::kFull : name == "lora" ? Method::kLora : Method::kState;
}

void read_prompt(const Model& model, std::span<const Token> tokens, Arena& arena) {
  State state(model.config, model.initial_state);
  std::vector<float> logits(size_t(model.config.vocabulary));
  for (size_t at = 0; at < tokens.size(); at += kChunk) {
    const auto part = tokens.subspan(at, std::min(kChunk, tokens.size() - at));
    const bool is_last = at + part.size() == tokens.size();
    const Slice slice{&state, part, is_last, is_last ? logits.data() : nullptr};
    forward(model, {&slice, 1}, arena);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7)
    return std::fprintf(stderr, "usage: learning_speed MODEL FORMAT METHOD CONTEXT BATCH STEPS [THREADS]\n"),
           2;
  const auto format = find_quantization(argv[2]);
  if (!format) return std::fprintf(stderr, "no such format: %s\n", argv[2]), 2;
  const int context = std::atoi(argv[4]), batch = std::atoi(argv[5]), steps = std::atoi(argv[6]);
#if !defined(__wasm__) || defined(__wasm_atomics__)
  const Threads threads(argc > 7 ? std::atoi(argv[7]) : 1, Pool::kLeastNs, false);
#endif

  const Bytes file = read_file(argv[1]);
  const MemorySource source(argv[1], file);
  const Checkpoint checkpoint = unwrap(open_checkpoint(source));
  Model model = unwrap(load_model(checkpoint, *format));
  TuningOptions options{.method = method_of(argv[3]), .steps = steps, .context = context, .batch = batch};
  options.rate.rate = 1e-3;
  Tuning tuning = unwrap(Tuning::start(model, options, &checkpoint));
  std::vector<Token> tokens;
  for (unsigned at = 1; int(tokens.size()) < context * batch + 1;) {
    at = at * 1664525 + 1013904223;
    tokens.push_back(Token(1 + (at >> 8) % unsigned(model.config.vocabulary - 1)));
  }
  unwrap(tuning.add(tokens, {}, false));
  const TuningPlan plan = unwrap(tuning.plan());

  Arena arena;
  std::vector<double> learning, reading;
  double loss = 0;
  std::vector<double> pieces;  // of a step: the quickest of each
  for (int step = 0; step < steps; ++step) {
    reading.push_back(
        time_of(1, [&](int) { read_prompt(model, std::span(tokens).first(size_t(context)), arena); }).median /
        context);
    double seconds = 0;
    size_t at = 0;
    for (bool done = false; !done; ++at) {
      const double piece = time_of(1, [&](int) {
                             const auto made = unwrap(tuning.next());
                             if (made) done = true, loss = made->loss;
                           }).median;
      seconds += piece;
      if (at == pieces.size()) pieces.push_back(piece);
      pieces[at] = std::min(pieces[at], piece);
    }
    learning.push_back(seconds / (context * batch));
  }
  const double learned = 1 / median(learning), read = 1 / median(reading);
  std::printf(
      "%s %s: %.0f tokens/s, %.3f of a prompt's %.0f; %zu pieces a step, %.0f ms at most; %.0f MB beside "
      "%.0f MB; loss %.6f\n",
      argv[3], argv[2], learned, learned / read, read, pieces.size(),
      *std::max_element(pieces.begin(), pieces.end()) * 1e3, double(plan.bytes) / 1e6,
      double(model.bytes) / 1e6, loss);
}
