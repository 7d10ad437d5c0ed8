#pragma once

#include "model/layer.h"

namespace rwkv {

// RWKV-7 (Peng et al. 2025, "Goose"; rwkv_v7_numpy.py).
template <class Calls>
void time_mix(Calls& calls, const TimeMix7& m, const LayerInput& in, Rows out) {
  const auto low_rank = [&](const LowRank& W, const Vector& mu, auto f) {
    const Rows h = mixed_matmul(calls, W.down, mu, in);  // (R, rank)
    f(h);
    const Rows y = calls.rows(h.count, W.up.rows);
    calls.matmul(W.up, h, y);
    return y;  // (R, C)
  };
  const auto identity = [](Rows) {};

  const Rows r = mixed_matmul(calls, m.R, m.mu_r, in);  // (R, C), as all below
  const Rows k = mixed_matmul(calls, m.K, m.mu_k, in);
  Rows v = mixed_matmul(calls, m.V, m.mu_v, in);
  const Rows g = low_rank(m.g, m.mu_g, [&](Rows h) { calls.sigmoid(h); });

  const Rows w = low_rank(m.w, m.mu_w, [&](Rows h) { calls.tanh(h); });
  calls.add(m.w0, w);
  calls.decay7(w);  // w = exp(-0.606531 sigmoid(w))

  const Rows a = low_rank(m.a, m.mu_a, identity);
  calls.add(m.a0, a);
  calls.sigmoid(a);

  if (in.layer == 0) {
    calls.copy(v, in.v_first);
  } else {
    const Rows mix = low_rank(m.v, m.mu_v, identity), mixed = calls.rows(v.count, v.width);
    calls.add(m.v0, mix);
    calls.sigmoid(mix);
    calls.lerp(v, in.v_first, mix, mixed);
    v = mixed;
  }

  const Rows kk = calls.rows(k.count, k.width);
  calls.multiply(k, m.k_k, kk);
  calls.normalize_heads(kk, in.config.heads);  // kk = k k_k / |k k_k|, of each head
  calls.scale_key7(a, m.k_a, k);               // k = k (1 + (a - 1) k_a)

  // S = w S - (kk a) (kk S)^T + k v^T; y = r S. S (N, N) as [key][value] of each head.
  const Rows y = calls.rows(r.count, r.width);
  calls.wkv7(in, r, w, k, v, kk, a, y);
  calls.group_norm(y, in.config.heads, m.ln_x, in.config.group_norm_eps);
  calls.add_bonus(r, k, v, m.r_k, in.config.heads, y);  // y += (sum over the head of r k r_k) v
  calls.multiply(g, y);
  calls.matmul(m.O, y, out);
}

}  // namespace rwkv
