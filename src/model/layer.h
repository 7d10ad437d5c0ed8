// One layer's halves, the time mixes of each version and the channel mix: their weights and their equations.
// Members are named after the papers; every mu is the weight of (previous - current), whatever the file's
// convention.
#pragma once

#include <array>
#include <span>

#include "kernels/kernels.h"
#include "model/config.h"

namespace rwkv {

class State;

// Rows [first, first + count) of a forward call: consecutive tokens of one text.
struct Sequence {
  State* state;
  int first, count;
  const int32_t* tokens;  // (count)

  Rows of(Rows x) const { return {x.row(first), count, x.width}; }
};

// What a layer's half works on: R rows of one or more sequences.
struct LayerInput {
  Rows x;     // (R, C), normed
  Rows prev;  // (R, C), x of the token before
  std::span<const Sequence> sequences;
  const Config& config;
  int layer;
  Rows v_first;    // (R, C), version 7 only: v of layer 0, written there and read by the layers above
  Rows embedding;  // (R, C): ln0(emb[token])
};

// A table (V, K) of which each token reads one row, so it is kept in a format of files.
struct Embedding {
  DType dtype = DType::kF32;
  Buffer data;

  // out (K) = row `token`.
  void row(int32_t token, std::span<float> out) const {
    decode(dtype, data.as<std::byte>() + bytes_of(dtype, out.size()) * uint64_t(token), out);
  }
};

// x -> up f(down x): (C) -> (rank) -> (C).
struct LowRank {
  Matrix down;  // (rank, C)
  Matrix up;    // (C, rank)
};

struct TimeMix4 {
  Vector mu_k, mu_v, mu_r;  // (C)
  Matrix R, K, V, O;        // (C, C)
  Vector w, u;              // (C): -exp(time_decay), time_first
};

struct TimeMix5 {
  Vector mu_k, mu_v, mu_r, mu_g;  // (C)
  Matrix R, K, V, O;              // (C, C)
  Matrix G;                       // (C, C), empty in 5.0
  Vector w, u;                    // (C): the decay exp(-exp(time_decay)) itself, the bonus
  Norm ln_x;                      // (C)
};

struct TimeMix6 {
  Vector mu_x;                   // (C)
  Matrix mix_down;               // (5 rank, C)
  std::array<Matrix, 5> mix_up;  // (C, rank), in the order w, k, v, r, g
  std::array<Vector, 5> mu;      // (C), the same order
  Matrix R, K, V, G, O;          // (C, C)
  LowRank decay;
  Vector decay_bias, u;  // (C)
  Norm ln_x;             // (C)
};

struct TimeMix7 {
  Vector mu_r, mu_w, mu_k, mu_v, mu_a, mu_g;  // (C)
  Matrix R, K, V, O;                          // (C, C)
  LowRank w, a, v, g;                         // v is empty in layer 0
  Vector w0, a0, v0;                          // (C)
  Vector k_k, k_a, r_k;                       // (C)
  Norm ln_x;                                  // (C)
};

// What version 7a scales its channel mix by: a matrix (D, D) of each token's own, between a low-rank pair.
struct DeepEmbed {
  Embedding s_emb;  // (V, D D)
  Matrix s_emb_x;   // (D D, C): what the matrix takes from the token's embedding
  LowRank s;        // (D, C), (F, D)
  Vector s0;        // (F)
};

struct ChannelMix {
  Vector mu_k, mu_r;  // (C); mu_r is empty in version 7
  Matrix K, V;        // (F, C), (C, F)
  Matrix R;           // (C, C), empty in version 7
  DeepEmbed deep;     // empty but for version 7a
};

// The halves themselves: time_mix(calls, m, in, out) in time_mix4.h to time_mix7.h, channel_mix(calls, m, in,
// out) in channel_mix.h. out (R, C) = what the half adds to the residual stream; moves the states of
// in.sequences on. `calls` makes the calls of the kernels (calls.h).

// y = W lerp(x, prev, mu), (R, M).
template <class Calls>
Rows mixed_matmul(Calls& calls, const Matrix& W, const Vector& mu, const LayerInput& in) {
  const Rows y = calls.rows(in.x.count, W.rows);
  [[maybe_unused]] const auto scope = calls.scope();
  const Rows mixed = calls.rows(in.x.count, in.x.width);
  calls.lerp(in.x, in.prev, mu, mixed);
  calls.matmul(W, mixed, y);
  return y;
}

}  // namespace rwkv
