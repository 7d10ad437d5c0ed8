#pragma once

#include "model/layer.h"

namespace rwkv {

// RWKV-5 (Peng et al. 2024, "Eagle"; RWKV_v5_demo.py): version 6's recurrence with a constant decay.
template <class Calls>
void time_mix(Calls& calls, const TimeMix5& m, const LayerInput& in, Rows out) {
  const Rows r = mixed_matmul(calls, m.R, m.mu_r, in);  // (R, C), as all below
  const Rows k = mixed_matmul(calls, m.K, m.mu_k, in);
  const Rows v = mixed_matmul(calls, m.V, m.mu_v, in);
  const Rows w = calls.rows(r.count, r.width);
  calls.repeat(m.w, w);

  // y = r (u k v^T + S); S = w S + k v^T. S (N, N) as [key][value] of each head.
  const Rows y = calls.rows(r.count, r.width);
  calls.wkv6(in, r, k, v, w, m.u, y);
  calls.group_norm(y, in.config.heads, m.ln_x, in.config.group_norm_eps);
  if (!m.G.empty()) {
    const Rows g = mixed_matmul(calls, m.G, m.mu_g, in);
    calls.silu(g);
    calls.multiply(g, y);
  }
  calls.matmul(m.O, y, out);
}

}  // namespace rwkv
