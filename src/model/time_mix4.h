#pragma once

#include "model/layer.h"

namespace rwkv {

// RWKV-4 (Peng et al. 2023; RWKV_in_150_lines.py).
template <class Calls>
void time_mix(Calls& calls, const TimeMix4& m, const LayerInput& in, Rows out) {
  const Rows r = mixed_matmul(calls, m.R, m.mu_r, in);  // (R, C), as all below
  const Rows k = mixed_matmul(calls, m.K, m.mu_k, in);
  const Rows v = mixed_matmul(calls, m.V, m.mu_v, in);
  calls.sigmoid(r);
  // y = r (A + e^(u+k) v) / (B + e^(u+k)); A = e^w A + e^k v, B = e^w B + e^k.
  // State: A = e^pp aa, B = e^pp bb, so that nothing overflows.
  const Rows y = calls.rows(r.count, r.width);
  calls.wkv4(in, r, k, v, m.w, m.u, y);
  calls.matmul(m.O, y, out);
}

}  // namespace rwkv
