// Replays lists of operations on the processor, with the kernels themselves: what a device must do, in the least of words.
#pragma once

#include <bit>
#include <functional>
#include <span>

#include "model/calls.h"
#include "recording/recording.h"

namespace rwkv {

// Weights by number, found where the model holds them.
struct WeightsOf {
  std::map<const void*, const Vector*> vectors;
  std::map<const void*, const Matrix*> matrices;
  std::map<const void*, const Embedding*> embeddings;

  void see(const Vector& v) { vectors[v.data()] = &v; }
  void see(const Norm& n) { see(n.weight), see(n.bias); }
  void see(const Matrix& m) { matrices[m.data.as<std::byte>()] = &m; }
  void see(const Embedding& e) { embeddings[e.data.as<std::byte>()] = &e; }
  void see(const LowRank& w) { see(w.down), see(w.up); }
  template <class First, class... More>
  void see(const First& first, const More&... more) requires(sizeof...(More) > 0) {
    see(first), (see(more), ...);
  }
  void see(const TimeMix4& m) { see(m.mu_k, m.mu_v, m.mu_r, m.R, m.K, m.V, m.O, m.w, m.u); }
  void see(const TimeMix5& m) {
    see(m.mu_k, m.mu_v, m.mu_r, m.mu_g, m.R, m.K, m.V, m.O, m.G, m.w, m.u, m.ln_x);
  }
  void see(const TimeMix6& m) {
    for (const Matrix& up : m.mix_up) see(up);
    for (const Vector& mu : m.mu) see(mu);
    see(m.mu_x, m.mix_down, m.R, m.K, m.V, m.G, m.O, m.decay, m.decay_bias, m.u, m.ln_x);
  }
  void see(const TimeMix7& m) {
    see(m.mu_r, m.mu_w, m.mu_k, m.mu_v, m.mu_a, m.mu_g, m.R, m.K, m.V, m.O, m.w, m.a, m.v, m.g);
    see(m.w0, m.a0, m.v0, m.k_k, m.k_a, m.r_k, m.ln_x);
  }
  explicit WeightsOf(const Model& model) {
    see(model.embedding, model.ln0, model.ln_out, model.head);
    for (const Layer& layer : model.layers) {
      std::visit([&](const auto& m) { see(m); }, layer.time_mix);
      const ChannelMix& m = layer.channel_mix;
      see(layer.ln1, layer.ln2, m.mu_k, m.mu_r, m.K, m.V, m.R);
      see(m.deep.s_emb, m.deep.s_emb_x, m.deep.s, m.deep.s0);
    }
  }
};

class Replayer {
 public:
  // Slots of as many floats as a state has.
  Replayer(const Model& model, const WeightTable& table, size_t slots)
      : table_(table), weights_(model), stride_(State::size(model.config)), states_(slots * stride_) {}

  std::span<float> slot(size_t i) { return std::span(states_).subspan(i * stride_, stride_); }
  // What the list leaves at an address.
  std::span<const float> scratch(uint32_t address, size_t count) const {
    return std::span(scratch_).subspan(address, count);
  }

  void replay(std::span<const uint32_t> list, std::span<const uint32_t> tables) {
    list_ = list, tables_ = tables;
    scratch_.assign(list[3], std::numeric_limits<float>::quiet_NaN());
    for (size_t at = kOperationWords; at < list.size(); at += kOperationWords)
      run(Operation(list[at]), &list[at + 1]);
  }

 private:
  const Vector& vector(uint32_t id) const {
    static const Vector nothing;
    return id == kNone ? nothing : *weights_.vectors.at(table_.weights().at(id).place);
  }
  const Matrix& matrix(uint32_t id) const { return *weights_.matrices.at(table_.weights().at(id).place); }
  const Embedding& embedding(uint32_t id) const {
    return *weights_.embeddings.at(table_.weights().at(id).place);
  }
  uint32_t R() const { return list_[0]; }
  std::span<const uint32_t> tokens() const { return tables_.subspan(3 * list_[1], R()); }
  std::span<const uint32_t> wanted() const { return tables_.subspan(3 * list_[1] + R(), list_[2]); }
  Rows rows(uint32_t address, uint32_t count, uint32_t width) {
    return {&scratch_.at(address + size_t(count) * width - 1) - (size_t(count) * width - 1), int(count),
            int(width)};
  }
  // f(state, of): of every sequence; of(x) are its rows.
  void each_sequence(auto f) {
    for (uint32_t i = 0; i < list_[1]; ++i) {
      const uint32_t *s = &tables_[3 * i], first = s[1], count = s[2];
      f(slot(s[0]).data(), [=](Rows x) { return Rows{x.row(int(first)), int(count), x.width}; });
    }
  }

  void run(Operation operation, const uint32_t* a) {
    const auto number = [&](int i) { return std::bit_cast<float>(a[i]); };
    // (R, C) at an argument
    const auto at = [&](int i, uint32_t C) { return rows(a[i], R(), C); };
    const auto flat = [&](int i, uint32_t n) { return rows(a[i], 1, n); };
    const auto pointwise = [&](void (*f)(Rows)) { f(flat(0, a[1])); };
    switch (operation) {
      case Operation::kEmbed:
        for (uint32_t r = 0; r < R(); ++r)
          embedding(a[0]).row(int32_t(tokens()[r]), {at(1, a[2]).row(int(r)), a[2]});
        break;
      case Operation::kAddRows:
        for (uint32_t r = 0; r < R(); ++r) {
          Vector own(a[2]);
          embedding(a[0]).row(int32_t(tokens()[r]), own);
          add({own.data(), 1, int(a[2])}, {at(1, a[2]).row(int(r)), 1, int(a[2])});
        }
        break;
      case Operation::kGather:
        for (uint32_t i = 0; i < list_[2]; ++i)
          std::copy_n(at(0, a[2]).row(int(wanted()[i])), a[2], rows(a[1], list_[2], a[2]).row(int(i)));
        break;
      case Operation::kCopy:
        return copy(flat(0, a[2]), flat(1, a[2]));
      case Operation::kColumns:
        return columns(rows(a[0], a[5], a[1]), int(a[2]), rows(a[3], a[5], a[4]));
      case Operation::kRepeat:
        return repeat(vector(a[0]), rows(a[1], a[2], a[3]));
      case Operation::kShift:
        return each_sequence([&](float* state, auto of) {
          const Rows x = of(at(0, a[2])), prev = of(at(1, a[2]));
          std::copy_n(state + a[3], x.width, prev.row(0));
          std::copy_n(x.row(0), size_t(x.count - 1) * x.width, prev.row(1));
          std::copy_n(x.row(x.count - 1), x.width, state + a[3]);
        });
      case Operation::kMatmul:
        return matmul(matrix(a[0]), rows(a[1], a[3], a[4]), rows(a[2], a[3], a[5]), arena_);
      case Operation::kMatmulEach:
        return matmul_each(rows(a[0], a[3], a[4]), rows(a[1], a[3], a[4] * a[5]), rows(a[2], a[3], a[5]));
      case Operation::kAddMatmulEach:
        return add_matmul_each(rows(a[0], a[3], a[4]), rows(a[1], a[3], a[4] * a[5]), rows(a[2], a[3], a[5]));
      case Operation::kLerp:
        return lerp(rows(a[0], a[4], a[5]), rows(a[1], a[4], a[5]), vector(a[2]), rows(a[3], a[4], a[5]));
      case Operation::kLerpRows:
        return lerp(rows(a[0], a[4], a[5]), rows(a[1], a[4], a[5]), rows(a[2], a[4], a[5]),
                    rows(a[3], a[4], a[5]));
      case Operation::kAdd:
        return add(flat(0, a[2]), flat(1, a[2]));
      case Operation::kAddBias:
        return add(vector(a[0]), rows(a[1], a[2], a[3]));
      case Operation::kMultiply:
        return multiply(flat(0, a[2]), flat(1, a[2]));
      case Operation::kScale:
        return multiply(rows(a[0], a[3], a[4]), vector(a[1]), rows(a[2], a[3], a[4]));
      case Operation::kSigmoid:
        return pointwise(sigmoid);
      case Operation::kTanh:
        return pointwise(rwkv::tanh);
      case Operation::kSilu:
        return pointwise(silu);
      case Operation::kReluSquared:
        return pointwise(relu_squared);
      case Operation::kDecay6:
        return pointwise(decay6);
      case Operation::kDecay7:
        return pointwise(decay7);
      case Operation::kScaleKey7:
        return scale_key7(rows(a[0], a[3], a[4]), vector(a[1]), rows(a[2], a[3], a[4]));
      case Operation::kLayerNorm:
        return layer_norm(rows(a[0], a[5], a[6]), {vector(a[1]), vector(a[2])}, number(3),
                          rows(a[4], a[5], a[6]));
      case Operation::kGroupNorm:
        return group_norm(rows(a[0], a[5], a[6]), int(a[1]), {vector(a[2]), vector(a[3])}, number(4));
      case Operation::kNormalizeHeads:
        return normalize_heads(rows(a[0], a[2], a[3]), int(a[1]));
      case Operation::kWkv4:
        return each_sequence([&](float* state, auto of) {
          wkv4(of(at(0, a[6])), of(at(1, a[6])), of(at(2, a[6])), vector(a[3]), vector(a[4]), state + a[7],
               of(at(5, a[6])));
        });
      case Operation::kWkv6:
        return each_sequence([&](float* state, auto of) {
          wkv6(of(at(0, a[6])), of(at(1, a[6])), of(at(2, a[6])), of(at(3, a[6])), vector(a[4]), int(a[7]),
               state + a[8], of(at(5, a[6])));
        });
      case Operation::kWkv7:
        return each_sequence([&](float* state, auto of) {
          const auto x = [&](int i) { return of(at(i, a[7])); };
          wkv7(x(0), x(1), x(2), x(3), x(4), x(5), int(a[8]), state + a[9], x(6));
        });
      case Operation::kAddBonus:
        return add_bonus(rows(a[0], a[6], a[7]), rows(a[1], a[6], a[7]), rows(a[2], a[6], a[7]), vector(a[3]),
                         int(a[4]), rows(a[5], a[6], a[7]));
    }
  }

  const WeightTable& table_;
  const WeightsOf weights_;
  const size_t stride_;
  std::vector<float> states_, scratch_;
  std::span<const uint32_t> list_, tables_;
  Arena arena_;
};

}  // namespace rwkv
