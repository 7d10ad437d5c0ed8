// How well a model predicts a text in each number format, and how far its predictions are from those of f32:
// see README.md.
#include <cmath>
#include <cstdio>

#include "formats/checkpoint.h"
#include "model/state.h"
#include "model/weights.h"
#include "programs.h"

using namespace rwkv;

namespace {

// log softmax, in place.
void to_log_probabilities(std::span<float> logits) {
  const double peak = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - peak);
  for (float& logit : logits) logit = float(logit - peak - std::log(sum));
}

// Log probabilities after each of the tokens, (tokens, V), from a fresh state.
std::vector<float> read(const Model& model, std::span<const Token> tokens, Arena& arena) {
  const size_t V = size_t(model.config.vocabulary);
  std::vector<float> logits(tokens.size() * V);
  State state(model.config);
  const Slice slice{&state, tokens, tokens.size(), logits.data()};
  forward(model, {&slice, 1}, arena);
  for (size_t t = 0; t < tokens.size(); ++t) to_log_probabilities({&logits[t * V], V});
  return logits;
}

struct Candidate {
  std::string name;
  Model model;
  double nats = 0, divergence = 0;  // of the text; from the exact model, summed over its tokens
};

// Each window is read from a fresh state behind token 0. The first of the candidates is the exact one.
void measure(std::span<const Token> tokens, std::vector<Candidate>& candidates) {
  const Model& exact = candidates[0].model;
  const size_t V = size_t(exact.config.vocabulary);
  Arena arena;
  for (const std::span<const Token> window : windows_of(tokens)) {
    const std::vector<Token> inputs = inputs_of(window);
    const auto p = read(exact, inputs, arena);
    for (Candidate& candidate : candidates) {
      const auto q = &candidate.model == &exact ? p : read(candidate.model, inputs, arena);
      for (size_t t = 0; t < window.size(); ++t) {
        candidate.nats -= q[t * V + size_t(window[t])];
        for (size_t v = t * V; v < (t + 1) * V; ++v)
          candidate.divergence += std::exp(double(p[v])) * (p[v] - q[v]);
      }
    }
  }
}

Model load(const std::string& path, std::optional<Quantization> quantization = {}) {
  const Bytes file = read_file(path);
  const MemorySource source(path, file);
  const Checkpoint checkpoint = unwrap(open_checkpoint(source));
  return unwrap(load_model(
      checkpoint,
      quantization.value_or(find_quantization(checkpoint.packed_as).value_or(Quantization::kF32))));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4)
    return std::fprintf(stderr, "usage: bits_per_byte MODEL VOCABULARY|bytes TEXT [BYTES] [PACKED...]\n"), 2;
  const std::string path = argv[1], vocabulary_name = argv[2];
  const Bytes text_file = read_file(argv[3]);
  std::string_view documents = text_of(text_file);
  std::vector<std::string> packed(argv + 4, argv + argc);
  if (!packed.empty() && std::isdigit(packed[0][0])) {
    documents = documents.substr(0, size_t(std::atoll(packed[0].c_str())));
    packed.erase(packed.begin());
  }
  const Text text = unwrap(read_text(*open_tokenizer(vocabulary_name), documents));
  std::printf("%zu bytes, %zu tokens\n", text.bytes, text.tokens.size());

  std::vector<Candidate> candidates;
  candidates.push_back({"f32", load(path, Quantization::kF32)});
  for (const std::string& file : packed) candidates.push_back({file.substr(file.rfind('/') + 1), load(file)});
  if (packed.empty())
    for (const Quantization quantization : kQuantizations)
      if (quantization != Quantization::kF32)
        candidates.push_back({quantization_name(quantization), load(path, quantization)});
  measure(text.tokens, candidates);
  for (const Candidate& c : candidates) {
    const double bits = c.nats / std::log(2.0) / double(text.bytes);
    std::printf("%-4s %8.5f bits/byte  %+7.3f %%  KL %.2e nats/token  %6.2f MB\n", c.name.c_str(), bits,
                (c.nats / candidates[0].nats - 1) * 100, c.divergence / double(text.tokens.size()),
                double(c.model.bytes) / 1e6);
  }
}
