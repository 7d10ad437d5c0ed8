#include "model/layer.h"

#include <algorithm>

namespace rwkv {
namespace {

// The five inputs, mixed by weights that depend on the data:
//   t = tanh(W1 lerp(x, prev, mu_x)), cut in five; input i = lerp(x, prev, mu_i + up_i t_i).
std::array<Rows, 5> mix_inputs(const TimeMix6& m, const LayerInput& in) {
  const int R = in.x.count, C = in.x.width, rank = m.mix_up[0].cols;
  std::array<Rows, 5> inputs;  // (R, C) each
  for (Rows& rows : inputs) rows = in.arena.rows(R, C);

  const ArenaScope scope(in.arena);
  const Rows t = mixed_matmul(m.mix_down, m.mu_x, in);  // (R, 5 rank)
  tanh(t);
  const Rows part = in.arena.rows(R, rank), mu = in.arena.rows(R, C);
  for (size_t i = 0; i < 5; ++i) {
    for (int r = 0; r < R; ++r) std::copy_n(t.row(r) + i * rank, rank, part.row(r));
    matmul(m.mix_up[i], part, mu, in.arena);
    add(m.mu[i], mu);
    lerp(in.x, in.prev, mu, inputs[i]);
  }
  return inputs;
}

}  // namespace

// RWKV-6 (Peng et al. 2024, "Finch"; RWKV_v6_demo.py).
void time_mix(const TimeMix6& m, const LayerInput& in, Rows out) {
  const auto [xw, xk, xv, xr, xg] = mix_inputs(m, in);
  const auto times = [&](const Matrix& W, Rows x) {
    const Rows y = in.arena.rows(x.count, W.rows);
    matmul(W, x, y, in.arena);
    return y;
  };
  const Rows r = times(m.R, xr), k = times(m.K, xk), v = times(m.V, xv), g = times(m.G, xg);  // (R, C)
  silu(g);
  const Rows d = times(m.decay.down, xw);  // (R, rank)
  tanh(d);
  const Rows w = times(m.decay.up, d);  // (R, C)
  add(m.decay_bias, w);
  decay6(w);  // w = exp(-exp(w))

  // y = r (u k v^T + S); S = w S + k v^T. S (N, N) as [key][value] of each head.
  const Rows y = in.arena.rows(r.count, r.width);
  for (const Sequence& s : in.sequences)
    wkv6(s.of(r), s.of(k), s.of(v), s.of(w), m.u, in.config.heads, s.state->wkv(in.layer), s.of(y));
  group_norm(y, in.config.heads, m.ln_x, in.config.group_norm_eps);
  multiply(g, y);
  matmul(m.O, y, out, in.arena);
}

}  // namespace rwkv
