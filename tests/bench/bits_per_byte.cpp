// How well a model predicts a text in each number format, and how far its predictions are from those of f32:
// see README.md.
#include <cmath>
#include <cstdio>

#include "formats/checkpoint.h"
#include "model/weights.h"
#include "support.h"
#include "tokenizer/tokenizer.h"

using namespace rwkv;

namespace {

constexpr size_t kWindow = 512;

template <class T>
T unwrap(Result<T> result) {
  if (result.ok()) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

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
  const Slice slice{&state, tokens, Slice::Logits::kAll, logits.data()};
  forward(model, {&slice, 1}, arena);
  for (size_t t = 0; t < tokens.size(); ++t) to_log_probabilities({&logits[t * V], V});
  return logits;
}

struct Quality {
  double nats, divergence;  // of the text; summed over its tokens
};

// Of `model` on the text that `tokens` are, beside the exact one. The text is cut into windows, each read
// from a fresh state behind token 0.
Quality measure(const Model& exact, const Model& model, std::span<const Token> tokens) {
  const size_t V = size_t(model.config.vocabulary);
  Arena arena;
  Quality quality{};
  for (size_t start = 0; start < tokens.size(); start += kWindow) {
    const size_t count = std::min(kWindow, tokens.size() - start);
    std::vector<Token> window(count);
    window[0] = kEndOfText;
    std::copy_n(tokens.begin() + ptrdiff_t(start), count - 1, window.begin() + 1);
    const auto p = read(exact, window, arena), q = read(model, window, arena);
    for (size_t t = 0; t < count; ++t) {
      quality.nats -= q[t * V + size_t(tokens[start + t])];
      for (size_t v = t * V; v < (t + 1) * V; ++v)
        quality.divergence += std::exp(double(p[v])) * (p[v] - q[v]);
    }
  }
  return quality;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc > 5)
    return std::fprintf(stderr, "usage: bits_per_byte MODEL VOCABULARY|bytes TEXT [BYTES]\n"), 2;
  const std::string vocabulary_name = argv[2];
  const Bytes model_file = read_file(argv[1]), text_file = read_file(argv[3]);
  std::string_view text(reinterpret_cast<const char*>(text_file.data()), text_file.size());
  if (argc == 5) text = text.substr(0, size_t(std::atoll(argv[4])));
  std::unique_ptr<Tokenizer> tokenizer;
  if (vocabulary_name == "bytes") {
    tokenizer = make_byte_tokenizer();
  } else {
    const Bytes vocabulary = read_file(vocabulary_name);
    tokenizer = unwrap(make_world_tokenizer(
        vocabulary_name, {reinterpret_cast<const char*>(vocabulary.data()), vocabulary.size()}));
  }
  const MemorySource source(argv[1], model_file);
  const Checkpoint checkpoint = unwrap(open_checkpoint(source));
  std::vector<Token> tokens;
  unwrap(tokenizer->encode(text, tokens));

  const Model exact = unwrap(load_model(checkpoint, Quantization::kF32));
  std::printf("%zu bytes, %zu tokens\n", text.size(), tokens.size());
  double exact_bits = 0;
  for (const Quantization quantization : kQuantizations) {
    const Model model = unwrap(load_model(checkpoint, quantization));
    const auto [nats, divergence] = measure(exact, model, tokens);
    const double bits = nats / std::log(2.0) / double(text.size());
    if (quantization == Quantization::kF32) exact_bits = bits;
    std::printf("%-4s %8.5f bits/byte  %+7.3f %%  KL %.2e nats/token  %6.2f MB\n",
                quantization_name(quantization), bits, (bits / exact_bits - 1) * 100,
                divergence / double(tokens.size()), double(model.bytes) / 1e6);
  }
}
