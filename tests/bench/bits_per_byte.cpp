// How well a model predicts a text in each number format:
//
//   cmake --preset native && cmake --build --preset native --target bits_per_byte
//   build/native/tests/bits_per_byte MODEL VOCABULARY TEXT      (VOCABULARY 'bytes': every byte is a token)
//
// The text is cut into windows of 512 tokens, each read from a fresh state behind token 0. Prints bits per
// byte for every quantization and the mean KL divergence of its next-token distribution from that of f32.
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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: bits_per_byte MODEL VOCABULARY TEXT\n"), 2;
  const Bytes model_file = read_file(argv[1]), vocabulary = read_file(argv[2]), text = read_file(argv[3]);
  const auto as_text = [](const Bytes& b) {
    return std::string_view(reinterpret_cast<const char*>(b.data()), b.size());
  };
  const MemorySource source(argv[1], model_file);
  const Checkpoint checkpoint = unwrap(open_checkpoint(source));
  const bool by_bytes = std::string_view(argv[2]) == "bytes";
  const auto tokenizer =
      by_bytes ? make_byte_tokenizer() : unwrap(make_world_tokenizer(argv[2], as_text(vocabulary)));
  std::vector<Token> tokens;
  unwrap(tokenizer->encode(as_text(text), tokens));

  const Model exact = unwrap(load_model(checkpoint, Quantization::kF32));
  std::printf("%zu bytes, %zu tokens\n", text.size(), tokens.size());
  for (const Quantization quantization :
       {Quantization::kF32, Quantization::kF16, Quantization::kQ8, Quantization::kQ4}) {
    const Model model = unwrap(load_model(checkpoint, quantization));
    Arena arena;
    double nats = 0, divergence = 0;
    for (size_t start = 0; start < tokens.size(); start += kWindow) {
      const size_t count = std::min(kWindow, tokens.size() - start), V = size_t(model.config.vocabulary);
      std::vector<Token> window(count);
      window[0] = kEndOfText;
      std::copy_n(tokens.begin() + start, count - 1, window.begin() + 1);
      const auto p = read(exact, window, arena), q = read(model, window, arena);
      for (size_t t = 0; t < count; ++t) {
        nats -= q[t * V + tokens[start + t]];
        for (size_t v = t * V; v < (t + 1) * V; ++v) divergence += std::exp(double(p[v])) * (p[v] - q[v]);
      }
    }
    std::printf("%-4s %7.4f bits/byte  KL %.2e nats/token  %6.2f MB\n", quantization_name(quantization),
                nats / std::log(2.0) / double(text.size()), divergence / double(tokens.size()),
                double(model.bytes) / 1e6);
  }
}
