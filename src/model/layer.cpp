#include "model/layer.h"

namespace rwkv {

Rows mixed_matmul(const Matrix& W, const Vector& mu, const LayerInput& in) {
  const Rows y = in.arena.rows(in.x.count, W.rows);
  const ArenaScope scope(in.arena);
  const Rows mixed = in.arena.rows(in.x.count, in.x.width);
  lerp(in.x, in.prev, mu, mixed);
  matmul(W, mixed, y, in.arena);
  return y;
}

// out = V relu(K xk)^2, times sigmoid(R xr) where there is an R.
void channel_mix(const ChannelMix& m, const LayerInput& in, Rows out) {
  const Rows k = mixed_matmul(m.K, m.mu_k, in);  // (R, F)
  relu_squared(k);
  matmul(m.V, k, out, in.arena);
  if (m.R.empty()) return;
  const Rows r = mixed_matmul(m.R, m.mu_r, in);  // (R, C)
  sigmoid(r);
  multiply(r, out);
}

}  // namespace rwkv
