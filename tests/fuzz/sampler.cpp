// Not a file, but what a request and a model choose together: all options of sampling, the tokens that are
// allowed, those that were generated, and logits of any bits.
#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>

#include "fuzz/memory.h"
#include "fuzz/reader.h"

namespace rwkv::fuzz {
namespace {

constexpr size_t kMostLogits = 300, kMostPeriod = 64;
constexpr int kDraws = 3;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Case {
  SamplingOptions options;
  std::vector<uint32_t> allowed;  // bits; none: all tokens are
  std::vector<int32_t> generated;
  uint64_t seed = 0;
  std::vector<float> logits;
};

// Numbers as they come; behind the last byte all are 0.
class Taker {
 public:
  explicit Taker(std::span<const std::byte> bytes) : rest_(bytes) {}
  template <class T>
  T take() {
    T value{};
    const size_t count = std::min(sizeof value, rest_.size());
    if (count > 0) std::memcpy(&value, rest_.data(), count);
    rest_ = rest_.subspan(count);
    return value;
  }

 private:
  std::span<const std::byte> rest_;
};

// The logits begin with a pattern that is repeated, each time `step` higher, so that few bytes make many, and
// ties.
Case case_of(std::span<const std::byte> bytes) {
  Taker from(bytes);
  Case c;
  SamplingOptions& o = c.options;
  for (float* option : {&o.temperature, &o.top_p, &o.min_p, &o.typical_p, &o.presence_penalty,
                        &o.frequency_penalty, &o.penalty_decay})
    *option = from.take<float>();
  o.top_k = from.take<int32_t>();
  c.seed = from.take<uint64_t>();
  for (int left = from.take<uint8_t>() % 8; left > 0; --left) {
    const int32_t id = from.take<int16_t>();
    o.logit_bias[id] = from.take<float>();
  }
  for (int left = from.take<uint8_t>() % 12; left > 0; --left) c.allowed.push_back(from.take<uint32_t>());
  for (int left = from.take<uint8_t>() % 8; left > 0; --left) c.generated.push_back(from.take<int16_t>());
  const size_t count = from.take<uint16_t>() % kMostLogits + 1;
  const size_t period = from.take<uint8_t>() % kMostPeriod + 1;
  const float step = from.take<float>();
  for (size_t i = 0; i < count; ++i)
    c.logits.push_back(i < period ? from.take<float>() : c.logits[i - period] + step);
  return c;
}

// The bytes of a case: its logits are the pattern, `count` of them in all.
Bytes bytes_of(const Case& c, size_t count, float step) {
  Bytes bytes;
  const auto put = [&](auto value) {
    const auto* at = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), at, at + sizeof value);
  };
  const SamplingOptions& o = c.options;
  for (const float option : {o.temperature, o.top_p, o.min_p, o.typical_p, o.presence_penalty,
                             o.frequency_penalty, o.penalty_decay})
    put(option);
  put(int32_t(o.top_k));
  put(c.seed);
  put(uint8_t(o.logit_bias.size()));
  for (const auto& [id, bias] : o.logit_bias) put(int16_t(id)), put(bias);
  put(uint8_t(c.allowed.size()));
  for (const uint32_t bits : c.allowed) put(bits);
  put(uint8_t(c.generated.size()));
  for (const int32_t token : c.generated) put(int16_t(token));
  put(uint16_t(count - 1));
  put(uint8_t(c.logits.size() - 1));
  put(step);
  for (const float logit : c.logits) put(logit);
  return bytes;
}

std::vector<Bytes> seeds() {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const SamplingOptions options = {.temperature = 0.8f,
                                   .top_p = 0.9f,
                                   .top_k = 40,
                                   .min_p = 0.01f,
                                   .typical_p = 0.9f,
                                   .presence_penalty = 0.4f,
                                   .frequency_penalty = 0.2f,
                                   .logit_bias = {{3, 1.5f}, {7, -kInfinity}}};
  const Case all = {options, {0xFFFF0FF0, 0x12345678}, {1, 2, 2, 9}, 42, {0.5f, 3, -1, 2.5f, 0, 1}};
  return {bytes_of({{}, {}, {}, 1, {1, 2, 3}}, 3, 0),
          bytes_of({{.temperature = 0}, {}, {}, 2, {1, 3, 2}}, 200, 0),
          bytes_of({{.temperature = 0.02f, .typical_p = 0.3f}, {}, {}, 3, {-2.2f, -0.7f, -1.7f}}, 3, 0),
          bytes_of({{.top_p = 0.5f}, {}, {}, 4, {nan, kInfinity, 3e38f, -3e38f, -kInfinity, 0}}, 60, 1),
          bytes_of(all, 64, 0.01f)};
}

// What is wrong with `token`, drawn from logits that biases and penalties have reached; empty where nothing.
std::string wrong_with(int32_t token, std::span<const float> logits, const Case& c) {
  const SamplingOptions& o = c.options;
  if (token < 0 || size_t(token) >= logits.size()) return "beyond the vocabulary";
  const float max = *std::max_element(logits.begin(), logits.end()), logit = logits[size_t(token)];
  if (max == -kInfinity) return token == 0 ? "" : "though nothing can be drawn";
  if (!(logit > -kInfinity)) return "which cannot be drawn";
  if (!c.allowed.empty() &&
      (size_t(token) / 32 >= c.allowed.size() || !(c.allowed[size_t(token) / 32] >> token % 32 & 1)))
    return "which is not allowed";
  if (max == kInfinity || o.temperature == 0 || o.top_p == 0)
    return std::find(logits.begin(), logits.end(), max) == logits.begin() + token ? "" : "not the likeliest";

  size_t likelier = 0;
  double likelier_sum = 0, sum = 0;
  for (const float other : logits) {
    const double p = std::exp(double(other) - max);
    sum += p;
    if (double(max) - other < double(max) - logit) ++likelier, likelier_sum += p;
  }
  if (o.top_k > 0 && likelier >= size_t(o.top_k)) return "which top_k leaves out";
  if (likelier_sum > (o.top_p + 1e-5) * sum) return "which top_p leaves out";
  if (std::exp(double(logit) - max) < o.min_p * (1 - 1e-5)) return "which min_p leaves out";
  return {};
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  const Case c = case_of(bytes);
  if (const Status status = rwkv::check(c.options); !status)
    return status.error().kind == ErrorKind::kInvalidArgument ? "" : "an error of another kind";
  good = true;
  const MemoryMeter meter;
  Sampler first(c.seed), second(c.seed);
  for (const int32_t token : c.generated)
    for (Sampler* sampler : {&first, &second}) sampler->accept(token, "x", c.options);
  for (int i = 0; i < kDraws; ++i) {
    int32_t tokens[2] = {};
    for (int k = 0; k < 2; ++k) {
      Sampler& sampler = k == 0 ? first : second;
      std::vector<float> logits = c.logits;
      if (!c.allowed.empty()) keep_allowed(logits, c.allowed);
      tokens[k] = sampler.sample(logits, c.options);
      if (const std::string wrong = wrong_with(tokens[k], logits, c); !wrong.empty())
        return "token " + std::to_string(tokens[k]) + ", " + wrong;
      sampler.accept(tokens[k], "x", c.options);
    }
    if (tokens[0] != tokens[1]) return "two tokens from one seed";
  }
  return broken_promise(meter, 128 << 10);
}

}  // namespace

const Reader sampler = {"sampler", seeds, check};

}  // namespace rwkv::fuzz
