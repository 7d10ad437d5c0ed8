// All of a model: its embedding, its layers and its head, as calls of kernels.
#pragma once

#include "model/run_layer.h"

namespace rwkv {

// x = ln0(emb[token]), (R, C).
template <class Calls>
void embed(Calls& calls, const Model& model, std::span<const Sequence> sequences, Rows x) {
  calls.embed(model.embedding, sequences, x);
  calls.layer_norm(x, model.ln0, kNormEps, x);
}

// Reads all rows of the batch and moves its states on. With fewer `layers` than there are, the head gets what the last of them gave.
template <class Calls>
Outputs run_model(Calls& calls, const Model& model, const Batch& batch, int layers) {
  const Config& config = model.config;
  const int R = batch.rows(), C = config.channels, wanted = int(batch.wanted.size());
  const Rows x = calls.rows(R, C), v_first = calls.rows(R, C), embedding = calls.rows(R, C);
  embed(calls, model, batch.sequences, embedding);
  calls.copy(embedding, x);
  for (int i = 0; i < layers; ++i)
    run_layer(calls, model.layers[size_t(i)], {{}, {}, batch.sequences, config, i, v_first, embedding}, x);

  Outputs out;
  if (batch.wants_hidden) {
    out.hidden = calls.rows(R, C);
    calls.layer_norm(x, model.ln_out, kNormEps, out.hidden);
  }
  if (wanted > 0) {  // the head is the largest matrix of all
    const Rows h = calls.rows(wanted, C);
    out.logits = calls.rows(wanted, config.vocabulary);
    calls.gather(x, batch.wanted, h);
    calls.layer_norm(h, model.ln_out, kNormEps, h);
    calls.matmul(model.head, h, out.logits);
  }
  return out;
}

}  // namespace rwkv
