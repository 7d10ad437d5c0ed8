#pragma once

#include "model/layer.h"

namespace rwkv {

// k *= s0 + S2 E S1 x, E (D, D) = s_emb[token] + s_emb_x embedding. The authors add the second part to the
// whole table when they load (rwkv_v7a_demo.py): V D^2 C operations a layer, for a table of which a text
// reads a few rows.
template <class Calls>
void scale_by_token(Calls& calls, const DeepEmbed& m, const LayerInput& in, Rows k) {
  [[maybe_unused]] const auto scope = calls.scope();
  const int R = in.x.count, D = m.s.down.rows;
  const Rows E = calls.rows(R, D * D), h = calls.rows(R, D), y = calls.rows(R, D),
             scale = calls.rows(R, k.width);
  calls.matmul(m.s_emb_x, in.embedding, E);
  calls.add_rows(m.s_emb, in.sequences, E);
  calls.matmul(m.s.down, in.x, h);
  calls.matmul_each(h, E, y);
  calls.matmul(m.s.up, y, scale);
  calls.add(m.s0, scale);
  calls.multiply(scale, k);
}

// out = V k, k = relu(K xk)^2, scaled by the token where there is a DeepEmbed; times sigmoid(R xr) where
// there is an R.
template <class Calls>
void channel_mix(Calls& calls, const ChannelMix& m, const LayerInput& in, Rows out) {
  const Rows k = mixed_matmul(calls, m.K, m.mu_k, in);  // (R, F)
  calls.relu_squared(k);
  if (!m.deep.s0.empty()) scale_by_token(calls, m.deep, in, k);
  calls.matmul(m.V, k, out);
  if (m.R.empty()) return;
  const Rows r = mixed_matmul(calls, m.R, m.mu_r, in);  // (R, C)
  calls.sigmoid(r);
  calls.multiply(r, out);
}

}  // namespace rwkv
