#pragma once

#include "model/layer.h"

namespace rwkv {

// The five inputs, mixed by weights that depend on the data:
//   t = tanh(W1 lerp(x, prev, mu_x)), cut in five; input i = lerp(x, prev, mu_i + up_i t_i).
template <class Calls>
std::array<Rows, 5> mix_inputs(Calls& calls, const TimeMix6& m, const LayerInput& in) {
  const int R = in.x.count, C = in.x.width, rank = m.mix_up[0].cols;
  std::array<Rows, 5> inputs;  // (R, C) each
  for (Rows& rows : inputs) rows = calls.rows(R, C);

  [[maybe_unused]] const auto scope = calls.scope();
  const Rows t = mixed_matmul(calls, m.mix_down, m.mu_x, in);  // (R, 5 rank)
  calls.tanh(t);
  for (size_t i = 0; i < 5; ++i) {
    const Rows part = calls.rows(R, rank), mu = calls.rows(R, C);
    calls.columns(t, int(i) * rank, part);
    calls.matmul(m.mix_up[i], part, mu);
    calls.add(m.mu[i], mu);
    calls.lerp(in.x, in.prev, mu, inputs[i]);
  }
  return inputs;
}

// RWKV-6 (Peng et al. 2024, "Finch"; RWKV_v6_demo.py).
template <class Calls>
void time_mix(Calls& calls, const TimeMix6& m, const LayerInput& in, Rows out) {
  const auto [xw, xk, xv, xr, xg] = mix_inputs(calls, m, in);
  const auto times = [&](const Matrix& W, Rows x) {
    const Rows y = calls.rows(x.count, W.rows);
    calls.matmul(W, x, y);
    return y;
  };
  const Rows r = times(m.R, xr), k = times(m.K, xk), v = times(m.V, xv), g = times(m.G, xg);  // (R, C)
  calls.silu(g);
  const Rows d = times(m.decay.down, xw);  // (R, rank)
  calls.tanh(d);
  const Rows w = times(m.decay.up, d);  // (R, C)
  calls.add(m.decay_bias, w);
  calls.decay6(w);  // w = exp(-exp(w))

  // y = r (u k v^T + S); S = w S + k v^T. S (N, N) as [key][value] of each head.
  const Rows y = calls.rows(r.count, r.width);
  calls.wkv6(in, r, k, v, w, m.u, y);
  calls.group_norm(y, in.config.heads, m.ln_x, in.config.group_norm_eps);
  calls.multiply(g, y);
  calls.matmul(m.O, y, out);
}

}  // namespace rwkv
