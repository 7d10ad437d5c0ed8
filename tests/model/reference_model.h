// Whole models of version 5 to 7a as plain loops in doubles, one token at a time, after the authors'
// programs: ChatRWKV's model.py (5.0, 5.1, 5.2), RWKV_v6_demo.py, RWKV-LM's rwkv_v7_numpy.py and
// rwkv_v7a_demo.py. Names and the order of axes are theirs. Knows nothing of the core.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "reference.h"

namespace reference {

class Model {
 public:
  // Values by the authors' names. `version` is "5.0" to "7a", H the number of heads.
  Model(std::map<std::string, Doubles> weights, std::string version, int heads, int layers, int vocabulary)
      : weights_(std::move(weights)), version_(version), H_(heads), L_(layers), V_(vocabulary) {
    C_ = int(get("emb.weight").size()) / V_;
    N_ = C_ / H_;
  }

  // (T, V)
  Doubles logits(const std::vector<int>& tokens) {
    std::vector<State> states;
    for (int i = 0; i < L_; ++i) states.push_back(first_state("blocks." + std::to_string(i) + "."));
    Doubles all;
    for (const int token : tokens) {
      const Doubles emb = layer_norm(row(get("emb.weight"), token, C_), "blocks.0.ln0");
      Doubles x = emb, v_first;
      for (int i = 0; i < L_; ++i) {
        b_ = "blocks." + std::to_string(i) + ".";
        const Doubles h = layer_norm(x, b_ + "ln1");
        x = sum(x, version_ >= "7"   ? time_mix7(h, states[i], v_first)
                   : version_ >= "6" ? time_mix6(h, states[i])
                                     : time_mix5(h, states[i]));
        x = sum(x, channel_mix(layer_norm(x, b_ + "ln2"), states[i], token, emb));
      }
      const Doubles y = times(get("head.weight"), layer_norm(x, "ln_out"));
      all.insert(all.end(), y.begin(), y.end());
    }
    return all;
  }

 private:
  // S (H, N, N): [head][key][value] in versions 5 and 6, [head][value][key] in 7, as the authors keep it.
  struct State {
    Doubles att_x, S, ffn_x;
  };

  // API_DEMO_CHAT.py for 5 and 6: S = time_state.transpose(1, 2); RWKV-Runner for 7: S = time_state.
  State first_state(const std::string& block) {
    State state{Doubles(C_), Doubles(size_t(C_) * N_), Doubles(C_)};
    if (!weights_.count(block + "att.time_state")) return state;
    const Doubles& tuned = get(block + "att.time_state");
    for (int h = 0; h < H_; ++h)
      for (int i = 0; i < N_; ++i)
        for (int j = 0; j < N_; ++j)
          state.S[at(h, i, j)] = version_ >= "7" ? tuned[at(h, i, j)] : tuned[at(h, j, i)];
    return state;
  }

  Doubles time_mix5(const Doubles& x, State& state) {
    const auto in = [&](const char* name) {
      return mixed(state.att_x, x, att(name));
    };  // x mix + prev (1 - mix)
    const Doubles r = times(att("receptance.weight"), in("time_mix_r"));
    const Doubles k = times(att("key.weight"), in("time_mix_k"));
    const Doubles v = times(att("value.weight"), in("time_mix_v"));
    const bool is_log = weights_.count(b_ + "att.time_first");
    const Doubles& first = att(is_log ? "time_first" : "time_faaaa");
    const Doubles& decay = att("time_decay");
    Doubles w(C_), u(C_);
    for (int c = 0; c < C_; ++c) {
      w[c] = std::exp(-std::exp(decay[int(decay.size()) == C_ ? c : c / N_]));
      u[c] = first[int(first.size()) == C_ ? c : c / N_];
      if (is_log) u[c] = std::exp(u[c]);
    }
    Doubles y = attend(r, k, v, w, u, state);
    if (version_ != "5.0") y = product(y, silu(times(att("gate.weight"), in("time_mix_g"))));
    state.att_x = x;
    return times(att("output.weight"), y);
  }

  Doubles time_mix6(const Doubles& x, State& state) {
    const Doubles t = each(times_right(mixed(x, state.att_x, att("time_maa_x")), att("time_maa_w1")), tanh_);
    const int rank = int(t.size()) / 5;
    std::vector<Doubles> in;
    for (int i = 0; i < 5; ++i) {
      const Doubles& w2 = att("time_maa_w2");  // (5, rank, C)
      const size_t size = size_t(rank) * C_;
      const Doubles part(t.begin() + i * rank, t.begin() + (i + 1) * rank),
          up(w2.begin() + ptrdiff_t(i * size), w2.begin() + ptrdiff_t((i + 1) * size));
      in.push_back(
          mixed(x, state.att_x, sum(att(std::string("time_maa_") + "wkvrg"[i]), times_right(part, up))));
    }
    const Doubles k = times(att("key.weight"), in[1]), v = times(att("value.weight"), in[2]),
                  r = times(att("receptance.weight"), in[3]), g = silu(times(att("gate.weight"), in[4]));
    Doubles w = sum(att("time_decay"),
                    times_right(each(times_right(in[0], att("time_decay_w1")), tanh_), att("time_decay_w2")));
    for (double& d : w) d = std::exp(-std::exp(d));
    const Doubles y = attend(r, k, v, w, att("time_faaaa"), state);
    state.att_x = x;
    return times(att("output.weight"), product(y, g));
  }

  // out = r (u k v + S), S = w S + k v; then the norm of each head.
  Doubles attend(const Doubles& r, const Doubles& k, const Doubles& v, const Doubles& w, const Doubles& u,
                 State& state) {
    Doubles y(C_);
    for (int h = 0; h < H_; ++h)
      for (int i = 0; i < N_; ++i)
        for (int j = 0; j < N_; ++j) {
          const int key = h * N_ + i, value = h * N_ + j;
          double& S = state.S[at(h, i, j)];
          y[value] += r[key] * (u[key] * k[key] * v[value] + S);
          S = w[key] * S + k[key] * v[value];
        }
    return group_norm(y);
  }

  Doubles time_mix7(const Doubles& x, State& state, Doubles& v_first) {
    const auto in = [&](const char* name) { return mixed(x, state.att_x, att(name)); };
    const auto low_rank = [&](const Doubles& x, const char* down, const char* up, double (*f)(double)) {
      return times_right(each(times_right(x, att(down)), f), att(up));
    };
    const Doubles r = times(att("receptance.weight"), in("x_r")), xv = in("x_v");
    Doubles k = times(att("key.weight"), in("x_k")), v = times(att("value.weight"), xv);
    Doubles w = sum(att("w0"), low_rank(in("x_w"), "w1", "w2", tanh_));
    for (double& d : w) d = std::exp(-std::exp(-0.5) * sigmoid(d));
    const Doubles a = each(sum(att("a0"), low_rank(in("x_a"), "a1", "a2", same)), sigmoid);
    const Doubles g = low_rank(in("x_g"), "g1", "g2", sigmoid);
    if (v_first.empty()) v_first = v;
    else v = mixed(v, v_first, each(sum(att("v0"), low_rank(xv, "v1", "v2", same)), sigmoid));
    Doubles kk = product(k, att("k_k"));
    for (int c = 0; c < C_; ++c) k[c] *= 1 + (a[c] - 1) * att("k_a")[c];

    Doubles y(C_);
    for (int h = 0; h < H_; ++h) {
      double length = 0;
      for (int i = 0; i < N_; ++i) length += kk[h * N_ + i] * kk[h * N_ + i];
      length = std::max(std::sqrt(length), 1e-12);
      for (int i = 0; i < N_; ++i) kk[h * N_ + i] /= length;
      for (int i = 0; i < N_; ++i) {  // value
        double removed = 0;           // row i of S @ kk
        for (int j = 0; j < N_; ++j) removed += state.S[at(h, i, j)] * kk[h * N_ + j];
        for (int j = 0; j < N_; ++j) {  // key
          const int key = h * N_ + j;
          double& S = state.S[at(h, i, j)];
          S = S * w[key] - removed * kk[key] * a[key] + v[h * N_ + i] * k[key];
          y[h * N_ + i] += S * r[key];
        }
      }
    }
    y = group_norm(y);
    for (int h = 0; h < H_; ++h) {
      double bonus = 0;
      for (int i = h * N_; i < (h + 1) * N_; ++i) bonus += r[i] * k[i] * att("r_k")[i];
      for (int i = h * N_; i < (h + 1) * N_; ++i) y[i] += bonus * v[i];
    }
    state.att_x = x;
    return times(att("output.weight"), product(y, g));
  }

  Doubles channel_mix(const Doubles& x, State& state, int token, const Doubles& emb) {
    const auto in = [&](const std::string& letter) {
      if (version_ >= "7") return mixed(x, state.ffn_x, get(b_ + "ffn.x_" + letter));
      if (version_ >= "6") return mixed(x, state.ffn_x, get(b_ + "ffn.time_maa_" + letter));
      return mixed(state.ffn_x, x, get(b_ + "ffn.time_mix_" + letter));  // x mix + prev (1 - mix)
    };
    Doubles k = each(times(ffn("key.weight"), in("k")), relu_squared);
    if (version_ == "7a") {
      const Doubles E = sum(row(ffn("s_emb.weight"), token, 32 * 32), times(ffn("s_emb_x.weight"), emb));
      const Doubles ss = times_right(times_right(x, ffn("s1")), E);
      k = product(k, sum(times_right(ss, ffn("s2")), ffn("s0")));
    }
    Doubles y = times(ffn("value.weight"), k);
    if (version_ < "7") y = product(y, each(times(ffn("receptance.weight"), in("r")), sigmoid));
    state.ffn_x = x;
    return y;
  }

  const Doubles& get(const std::string& name) { return weights_.at(name); }
  const Doubles& att(const std::string& name) { return get(b_ + "att." + name); }
  const Doubles& ffn(const std::string& name) { return get(b_ + "ffn." + name); }
  size_t at(int h, int i, int j) const { return (size_t(h) * N_ + i) * N_ + j; }

  static double tanh_(double x) { return std::tanh(x); }
  static double same(double x) { return x; }
  static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
  static double relu_squared(double x) { return x > 0 ? x * x : 0; }
  static Doubles each(Doubles x, double (*f)(double)) {
    for (double& v : x) v = f(v);
    return x;
  }
  static Doubles silu(const Doubles& x) { return product(x, each(x, sigmoid)); }
  static Doubles sum(Doubles a, const Doubles& b) {
    for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
    return a;
  }
  static Doubles product(Doubles a, const Doubles& b) {
    for (size_t i = 0; i < a.size(); ++i) a[i] *= b[i];
    return a;
  }
  // x + (prev - x) mu
  static Doubles mixed(Doubles x, const Doubles& prev, const Doubles& mu) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += (prev[i] - x[i]) * mu[i];
    return x;
  }
  static Doubles row(const Doubles& table, int i, int width) {
    return {table.begin() + ptrdiff_t(i) * width, table.begin() + ptrdiff_t(i + 1) * width};
  }
  // W (M, K) @ x, and x @ W (K, M).
  static Doubles times(const Doubles& W, const Doubles& x) {
    Doubles y(W.size() / x.size());
    for (size_t m = 0; m < y.size(); ++m)
      for (size_t k = 0; k < x.size(); ++k) y[m] += W[m * x.size() + k] * x[k];
    return y;
  }
  static Doubles times_right(const Doubles& x, const Doubles& W) {
    Doubles y(W.size() / x.size());
    for (size_t k = 0; k < x.size(); ++k)
      for (size_t m = 0; m < y.size(); ++m) y[m] += x[k] * W[k * y.size() + m];
    return y;
  }
  Doubles layer_norm(const Doubles& x, const std::string& name) { return norm(x, name, C_, 1e-5); }
  Doubles group_norm(const Doubles& x) { return norm(x, b_ + "att.ln_x", N_, 64e-5); }
  Doubles norm(Doubles x, const std::string& name, int width, double eps) {
    for (int c = 0; c < C_; c += width) {
      double mean = 0, variance = 0;
      for (int i = c; i < c + width; ++i) mean += x[i] / width;
      for (int i = c; i < c + width; ++i) variance += (x[i] - mean) * (x[i] - mean) / width;
      for (int i = c; i < c + width; ++i)
        x[i] = (x[i] - mean) / std::sqrt(variance + eps) * get(name + ".weight")[i] + get(name + ".bias")[i];
    }
    return x;
  }

  std::map<std::string, Doubles> weights_;
  std::string version_, b_;
  int H_, L_, V_, C_, N_;
};

}  // namespace reference
