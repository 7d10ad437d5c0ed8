#include "training/initialise.h"

#include <algorithm>
#include <cmath>

#include "training/random.h"

namespace rwkv {
namespace {

using Fill = std::function<void(std::span<float> out, SplitMix64& random)>;

Fill constant(float value) {
  return [value](std::span<float> out, SplitMix64&) { std::fill(out.begin(), out.end(), value); };
}

Fill uniform(float bound) {
  return [bound](std::span<float> out, SplitMix64& random) {
    for (float& value : out) value = bound * (2 * random.uniform() - 1);
  };
}

// f(c) for each channel c.
template <class F>
Fill each(F f) {
  return [f](std::span<float> out, SplitMix64&) {
    for (size_t c = 0; c < out.size(); ++c) out[c] = float(f(double(c)));
  };
}

// Box and Muller.
float normal(SplitMix64& random) {
  const double radius = std::sqrt(-2 * std::log(1 - double(random.uniform())));
  return float(radius * std::cos(2 * M_PI * double(random.uniform())));
}

// (rows, cols), the rows or, if there are fewer, the columns at right angles, each of length `gain`: Gram and Schmidt's
// form of random normal numbers.
Fill orthogonal(int64_t rows, int64_t cols, double gain) {
  return [=](std::span<float> out, SplitMix64& random) {
    const bool by_rows = rows <= cols;
    const auto count = size_t(std::min(rows, cols)), length = size_t(std::max(rows, cols));
    const size_t vector = by_rows ? length : 1, step = by_rows ? 1 : count;  // strides
    for (float& value : out) value = normal(random);
    for (size_t i = 0; i < count; ++i) {
      float* v = &out[i * vector];
      const auto dot = [&](const float* u) {
        double sum = 0;
        for (size_t k = 0; k < length; ++k) sum += double(u[k * step]) * v[k * step];
        return sum;
      };
      for (size_t j = 0; j < i; ++j) {
        const float* u = &out[j * vector];
        const auto share = float(dot(u));
        for (size_t k = 0; k < length; ++k) v[k * step] -= share * u[k * step];
      }
      const auto scale = float(1 / std::sqrt(dot(v)));
      for (size_t k = 0; k < length; ++k) v[k * step] *= scale;
    }
    for (float& value : out) value *= float(gain);
  };
}

class Maker {
 public:
  explicit Maker(const NewModel& wanted) : m_(wanted), C(wanted.channels) {}

  std::vector<TensorToWrite> make() {
    const int64_t V = m_.vocabulary;
    add("emb.weight", {V, C}, uniform(1e-4f));
    norm("blocks.0.ln0");
    for (layer_ = 0; layer_ < m_.layers; ++layer_) {
      block_ = "blocks." + std::to_string(layer_) + ".";
      depth_ = m_.layers > 1 ? double(layer_) / (m_.layers - 1) : 0;
      rest_ = 1 - double(layer_) / m_.layers;
      norm("ln1"), norm("ln2");
      if (m_.version == Version::k4) add_4();
      if (m_.version == Version::k5_2) add_5();
      if (m_.version == Version::k6) add_6();
      if (m_.version == Version::k7) add_7();
    }
    block_ = "";
    norm("ln_out");
    add("head.weight", {V, C}, orthogonal(V, C, V > C ? 0.5 * std::sqrt(double(V) / double(C)) : 0.5));
    return std::move(tensors_);
  }

 private:
  void add(const std::string& name, Shape shape, Fill fill) {
    const uint64_t seed = SplitMix64(m_.seed + tensors_.size()).next();
    TensorToWrite tensor{block_ + name, std::move(shape), {}};
    tensor.read = [bytes = bytes_of(tensor), fill = std::move(fill), seed]() -> Result<Buffer> {
      Buffer values = bytes < SIZE_MAX / 2 ? Buffer(size_t(bytes)) : Buffer();
      if (!values) return no_room(bytes, "a new model");
      SplitMix64 random(seed);
      fill({values.as<float>(), size_t(bytes / sizeof(float))}, random);
      return values;
    };
    tensors_.push_back(std::move(tensor));
  }
  void norm(const std::string& name, double scale = 1) {
    add(name + ".weight", {C}, constant(float(scale))), add(name + ".bias", {C}, constant(0));
  }
  void matrix(const std::string& name, int64_t rows, int64_t cols, double gain) {
    add(name + ".weight", {rows, cols}, gain == 0 ? constant(0) : orthogonal(rows, cols, gain));
  }
  // Tall ones are as long as they are tall, in versions 4 to 6.
  static double tall(int64_t rows, int64_t cols) {
    return std::max(1.0, std::sqrt(double(rows) / double(cols)));
  }
  int64_t hidden(int64_t usual) const { return m_.hidden > 0 ? m_.hidden : usual; }
  // How much of the current token is mixed in: (c / C)^(power (1 - layer / L)).
  auto share(double power) const {
    return [power = power * rest_, C = double(C)](double c) { return std::pow(c / C, power); };
  }
  Fill mix(double power, double more = 0) const {
    return each([share = share(power), more](double c) { return share(c) + more; });
  }
  Fill mix_of_last(double power, double less = 0) const {
    return each([share = share(power), less](double c) { return 1 - share(c) - less; });
  }
  // first + slope (c / (C - 1))^power
  Fill decay(double first, double slope, double power) const {
    return each([=, last = double(C - 1)](double c) { return first + slope * std::pow(c / last, power); });
  }

  void add_4() {
    const int64_t F = hidden(4 * C);
    add("att.time_decay", {C}, decay(-5, 8, 0.7 + 1.3 * depth_));
    add("att.time_first", {C},
        each([](double c) { return std::log(0.3) + (std::fmod(c + 1, 3) - 1) * 0.5; }));
    add("att.time_mix_k", {1, 1, C}, mix(1)), add("att.time_mix_v", {1, 1, C}, mix(1, 0.3 * depth_));
    add("att.time_mix_r", {1, 1, C}, mix(0.5));
    matrix("att.key", C, C, 0), matrix("att.value", C, C, 1);
    matrix("att.receptance", C, C, 0), matrix("att.output", C, C, 0);
    add("ffn.time_mix_k", {1, 1, C}, mix(1)), add("ffn.time_mix_r", {1, 1, C}, mix(1));
    matrix("ffn.key", F, C, tall(F, C)), matrix("ffn.receptance", C, C, 0), matrix("ffn.value", C, F, 0);
  }
  // What versions 5.2 and 6 have in common.
  void add_5_and_6() {
    const int64_t H = C / m_.head_size, N = m_.head_size, F = hidden(C * 7 / 2 / 32 * 32);
    add("att.time_faaaa", {H, N}, each([depth = depth_, last = double(C - 1)](double c) {
          return depth * (1 - c / last) + (std::fmod(c + 1, 3) - 1) * 0.1;
        }));
    matrix("att.receptance", C, C, 1), matrix("att.key", C, C, 0.1), matrix("att.value", C, C, 1);
    matrix("att.output", C, C, 0), matrix("att.gate", C, C, 0.1);
    norm("att.ln_x", std::pow((1.0 + layer_) / m_.layers, 0.7));
    matrix("ffn.key", F, C, tall(F, C)), matrix("ffn.receptance", C, C, 0), matrix("ffn.value", C, F, 0);
  }
  void add_5() {
    add("att.time_mix_k", {1, 1, C}, mix(1)), add("att.time_mix_v", {1, 1, C}, mix(1, 0.3 * depth_));
    add("att.time_mix_r", {1, 1, C}, mix(0.5)), add("att.time_mix_g", {1, 1, C}, mix(0.5));
    add("att.time_decay", {C / m_.head_size, m_.head_size}, decay(-6, 5, 0.7 + 1.3 * depth_));
    add_5_and_6();
    add("ffn.time_mix_k", {1, 1, C}, mix(1)), add("ffn.time_mix_r", {1, 1, C}, mix(1));
  }
  void add_6() {
    const int64_t mix_rank = C < 4096 ? 32 : 64, decay_rank = C < 4096 ? 64 : 128;
    for (const char* letter : {"x", "w", "k", "v", "r", "g"}) {
      const bool is_v = *letter == 'v', is_half = *letter == 'r' || *letter == 'g';
      add(std::string("att.time_maa_") + letter, {1, 1, C},
          mix_of_last(is_half ? 0.5 : 1, is_v ? 0.3 * depth_ : 0));
    }
    add("att.time_maa_w1", {C, 5 * mix_rank}, constant(0));
    add("att.time_maa_w2", {5, mix_rank, C}, uniform(0.01f));
    add("att.time_decay", {1, 1, C}, decay(-6, 5, 0.7 + 1.3 * depth_));
    add("att.time_decay_w1", {C, decay_rank}, constant(0));
    add("att.time_decay_w2", {decay_rank, C}, uniform(0.01f));
    add_5_and_6();
    add("ffn.time_maa_k", {1, 1, C}, mix_of_last(1)), add("ffn.time_maa_r", {1, 1, C}, mix_of_last(1));
  }
  void add_7() {
    const int64_t N = m_.head_size, F = hidden(4 * C);
    const double last = double(C - 1), half = (double(N) - 1) / 2;
    // From -1/2 to 1/2 over the channels; from -1 to 1 over each head.
    const auto linear = [last](double c) { return c / last - 0.5; };
    const auto zigzag = [half, N](double c) {
      const double z = half > 0 ? (std::fmod(c, double(N)) - half) / half : 0;
      return z * std::abs(z);
    };
    constexpr std::pair<const char*, double> kPowers[] = {{"r", 0.2}, {"w", 0.9}, {"k", 0.7},
                                                          {"v", 0.7}, {"a", 0.9}, {"g", 0.2}};
    for (const auto& [letter, power] : kPowers)
      add(std::string("att.x_") + letter, {1, 1, C}, mix_of_last(power));
    add("att.w0", {1, 1, C}, each([=, power = 1 + std::pow(depth_, 0.3)](double c) {
          return -5.5 + 6 * std::pow(c / last, power) + 2.5 * zigzag(c);
        }));
    add("att.a0", {1, 1, C}, each([=](double c) { return -0.19 + 0.3 * zigzag(c) + 0.4 * linear(c); }));
    add("att.v0", {1, 1, C}, each([=](double c) { return 0.73 - 0.4 * linear(c); }));
    constexpr std::pair<const char*, double> kRanks[] = {{"w", 2.5}, {"a", 2.5}, {"v", 1.7}, {"g", 5}};
    for (const auto& [letter, share] : kRanks) {
      const int64_t rank = std::max<int64_t>(32, 32 * std::llrint(share * std::sqrt(double(C)) / 32));
      add(std::string("att.") + letter + "1", {C, rank}, constant(0));
      add(std::string("att.") + letter + "2", {rank, C}, orthogonal(rank, C, 0.1 * tall(rank, C)));
    }
    add("att.k_k", {1, 1, C}, each([=](double c) { return 0.71 - 0.1 * linear(c); }));
    add("att.k_a", {1, 1, C}, constant(1.02f)), add("att.r_k", {C / N, N}, constant(-0.04f));
    matrix("att.receptance", C, C, 1), matrix("att.key", C, C, 0.1), matrix("att.value", C, C, 1);
    matrix("att.output", C, C, 0);
    norm("att.ln_x", std::pow((1.0 + layer_) / m_.layers, 0.7));
    add("ffn.x_k", {1, 1, C}, each([share = share(std::pow(rest_, 3))](double c) { return 1 - share(c); }));
    matrix("ffn.key", F, C, 1), matrix("ffn.value", C, F, 0);
  }

  const NewModel m_;
  const int64_t C;
  int layer_ = 0;
  std::string block_;
  double depth_ = 0, rest_ = 1;  // from 0 to 1 and from 1 to almost 0 over the layers
  std::vector<TensorToWrite> tensors_;
};

Status check(const NewModel& m) {
  const auto between = [](const char* name, int least, int most, int found) -> Status {
    if (least <= found && found <= most) return Done{};
    return Error{ErrorKind::kInvalidArgument, std::string(name) + ": expected " + std::to_string(least) +
                                                  " to " + std::to_string(most) + ", found " +
                                                  std::to_string(found)};
  };
  if (m.version != Version::k4 && m.version != Version::k5_2 && m.version != Version::k6 &&
      m.version != Version::k7)
    return Error{ErrorKind::kUnsupported, std::string("a new model of version ") + version_name(m.version) +
                                              ": expected 4, 5.2, 6 or 7"};
  if (Status fits = between("layers", 1, 256, m.layers); !fits) return fits;
  if (Status fits = between("channels", 32, 1 << 14, m.channels); !fits) return fits;
  if (Status fits = between("vocabulary", 2, 1 << 20, m.vocabulary); !fits) return fits;
  if (Status fits = between("hidden", 0, 1 << 17, m.hidden); !fits) return fits;
  if (Status fits = between("head_size", 4, m.channels, m.head_size); !fits) return fits;
  if (m.channels % 32 != 0 || m.hidden % 32 != 0)
    return Error{ErrorKind::kInvalidArgument, "channels and hidden: expected multiples of 32"};
  if (m.version != Version::k4 && (m.channels % m.head_size != 0 || m.head_size % 4 != 0))
    return Error{ErrorKind::kInvalidArgument, "head_size: expected a multiple of 4 that divides " +
                                                  std::to_string(m.channels) + ", found " +
                                                  std::to_string(m.head_size)};
  return Done{};
}

}  // namespace

Result<TensorFile> new_model_file(const NewModel& wanted, TensorFileFormat format) {
  if (const Status fits = check(wanted); !fits) return fits.error();
  return TensorFile::start(Maker(wanted).make(), format);
}

}  // namespace rwkv
