#include "model/layer.h"

#include <algorithm>

namespace rwkv {

// RWKV-7 (Peng et al. 2025, "Goose"; rwkv_v7_numpy.py).
void time_mix(const TimeMix7& m, const LayerInput& in, Rows out) {
  const auto low_rank = [&](const LowRank& W, const Vector& mu, auto f) {
    const Rows h = mixed_matmul(W.down, mu, in);  // (R, rank)
    f(h);
    const Rows y = in.arena.rows(h.count, W.up.rows);
    matmul(W.up, h, y, in.arena);
    return y;  // (R, C)
  };
  const auto identity = [](Rows) {};

  const Rows r = mixed_matmul(m.R, m.mu_r, in);  // (R, C), as all below
  const Rows k = mixed_matmul(m.K, m.mu_k, in);
  const Rows v = mixed_matmul(m.V, m.mu_v, in);
  const Rows g = low_rank(m.g, m.mu_g, [](Rows h) { sigmoid(h); });

  const Rows w = low_rank(m.w, m.mu_w, [](Rows h) { tanh(h); });
  add(m.w0, w);
  decay7(w);  // w = exp(-0.606531 sigmoid(w))

  const Rows a = low_rank(m.a, m.mu_a, identity);
  add(m.a0, a);
  sigmoid(a);

  if (in.layer == 0) {
    std::copy_n(v.data, v.size(), in.v_first.data);
  } else {
    const Rows mix = low_rank(m.v, m.mu_v, identity);
    add(m.v0, mix);
    sigmoid(mix);
    lerp(v, in.v_first, mix, v);
  }

  const Rows kk = in.arena.rows(k.count, k.width);
  multiply(k, m.k_k, kk);
  normalize_heads(kk, in.config.heads);  // kk = k k_k / |k k_k|, of each head
  scale_key7(a, m.k_a, k);               // k = k (1 + (a - 1) k_a)

  // S = w S - (kk a) (kk S)^T + k v^T; y = r S. S (N, N) as [key][value] of each head.
  const Rows y = in.arena.rows(r.count, r.width);
  for (const Sequence& s : in.sequences)
    wkv7(s.of(r), s.of(w), s.of(k), s.of(v), s.of(kk), s.of(a), in.config.heads, s.state->wkv(in.layer),
         s.of(y));
  group_norm(y, in.config.heads, m.ln_x, in.config.group_norm_eps);
  add_bonus(r, k, v, m.r_k, in.config.heads, y);  // y += (sum over the head of r k r_k) v
  multiply(g, y);
  matmul(m.O, y, out, in.arena);
}

}  // namespace rwkv
