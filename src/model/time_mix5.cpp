#include "model/layer.h"

#include <algorithm>

namespace rwkv {

// RWKV-5 (Peng et al. 2024, "Eagle"; RWKV_v5_demo.py): version 6's recurrence with a constant decay.
void time_mix(const TimeMix5& m, const LayerInput& in, Rows out) {
  const Rows r = mixed_matmul(m.R, m.mu_r, in);  // (R, C), as all below
  const Rows k = mixed_matmul(m.K, m.mu_k, in);
  const Rows v = mixed_matmul(m.V, m.mu_v, in);
  const Rows w = in.arena.rows(r.count, r.width);
  for (int i = 0; i < w.count; ++i) std::copy(m.w.begin(), m.w.end(), w.row(i));

  // y = r (u k v^T + S); S = w S + k v^T. S (N, N) as [key][value] of each head.
  const Rows y = in.arena.rows(r.count, r.width);
  for (const Sequence& s : in.sequences)
    wkv6(s.of(r), s.of(k), s.of(v), s.of(w), m.u, in.config.heads, s.state->wkv(in.layer), s.of(y));
  group_norm(y, in.config.heads, m.ln_x, in.config.group_norm_eps);
  if (!m.G.empty()) {
    const Rows g = mixed_matmul(m.G, m.mu_g, in);
    silu(g);
    multiply(g, y);
  }
  matmul(m.O, y, out, in.arena);
}

}  // namespace rwkv
