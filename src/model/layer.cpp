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

namespace {

// k *= s0 + S2 E S1 x, E (D, D) = s_emb[token] + s_emb_x embedding. The authors add the second part to the
// whole table when they load (rwkv_v7a_demo.py): V D^2 C operations a layer, for a table of which a text
// reads a few rows.
void scale_by_token(const DeepEmbed& m, const LayerInput& in, Rows k) {
  const ArenaScope scope(in.arena);
  const int R = in.x.count, D = m.s.down.rows;
  const Rows E = in.arena.rows(R, D * D), own = in.arena.rows(1, D * D);
  matmul(m.s_emb_x, in.embedding, E, in.arena);
  for (const Sequence& s : in.sequences)
    for (int t = 0; t < s.count; ++t) {
      m.s_emb.row(s.tokens[t], {own.data, own.size()});
      add(own, {E.row(s.first + t), 1, E.width});
    }
  const Rows h = in.arena.rows(R, D), y = in.arena.rows(R, D), scale = in.arena.rows(R, k.width);
  matmul(m.s.down, in.x, h, in.arena);
  matmul_each(h, E, y);
  matmul(m.s.up, y, scale, in.arena);
  add(m.s0, scale);
  multiply(scale, k);
}

}  // namespace

// out = V k, k = relu(K xk)^2, scaled by the token where there is a DeepEmbed; times sigmoid(R xr) where
// there is an R.
void channel_mix(const ChannelMix& m, const LayerInput& in, Rows out) {
  const Rows k = mixed_matmul(m.K, m.mu_k, in);  // (R, F)
  relu_squared(k);
  if (!m.deep.s0.empty()) scale_by_token(m.deep, in, k);
  matmul(m.V, k, out, in.arena);
  if (m.R.empty()) return;
  const Rows r = mixed_matmul(m.R, m.mu_r, in);  // (R, C)
  sigmoid(r);
  multiply(r, out);
}

}  // namespace rwkv
