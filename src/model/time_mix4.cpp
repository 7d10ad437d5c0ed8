#include "model/layer.h"

namespace rwkv {

// RWKV-4 (Peng et al. 2023; RWKV_in_150_lines.py).
void time_mix(const TimeMix4& m, const LayerInput& in, Rows out) {
  const Rows r = mixed_matmul(m.R, m.mu_r, in);  // (R, C), as all below
  const Rows k = mixed_matmul(m.K, m.mu_k, in);
  const Rows v = mixed_matmul(m.V, m.mu_v, in);
  sigmoid(r);
  // y = r (A + e^(u+k) v) / (B + e^(u+k)); A = e^w A + e^k v, B = e^w B + e^k.
  // State: A = e^pp aa, B = e^pp bb, so that nothing overflows.
  const Rows y = in.arena.rows(r.count, r.width);
  for (const Sequence& s : in.sequences)
    wkv4(s.of(r), s.of(k), s.of(v), m.w, m.u, s.state->wkv(in.layer), s.of(y));
  matmul(m.O, y, out, in.arena);
}

}  // namespace rwkv
