#include "model/model.h"

#include <algorithm>

#include "model/run_layer.h"

namespace rwkv {

void embed(const Model& model, std::span<const Sequence> sequences, Rows x) {
  for (const Sequence& s : sequences)
    for (int t = 0; t < s.count; ++t) model.embedding.row(s.tokens[t], {x.row(s.first + t), size_t(x.width)});
  layer_norm(x, model.ln0, kNormEps, x);
}

namespace {

// What the head gets, of the slices that want it.
void write_hidden(const Model& model, std::span<const Slice> slices, std::span<const Sequence> sequences,
                  Rows x) {
  for (size_t i = 0; i < slices.size(); ++i)
    if (slices[i].hidden)
      layer_norm(sequences[i].of(x), model.ln_out, kNormEps, {slices[i].hidden, sequences[i].count, x.width});
}

// Logits of the wanted rows only: the head is the largest matrix of all.
void write_logits(const Model& model, std::span<const Slice> slices, std::span<const Sequence> sequences,
                  Rows x, Arena& arena) {
  int count = 0;
  for (const Slice& slice : slices) count += int(slice.wanted);
  if (count == 0) return;

  const Rows h = arena.rows(count, x.width), logits = arena.rows(count, model.config.vocabulary);
  int row = 0;
  for (size_t i = 0; i < slices.size(); ++i) {
    const int end = sequences[i].first + sequences[i].count, wanted = int(slices[i].wanted);
    std::copy(x.row(end - wanted), x.row(end), h.row(row));
    row += wanted;
  }
  layer_norm(h, model.ln_out, kNormEps, h);
  matmul(model.head, h, logits, arena);
  row = 0;
  for (const Slice& slice : slices) {
    std::copy_n(logits.row(row), slice.wanted * size_t(logits.width), slice.logits);
    row += int(slice.wanted);
  }
}

}  // namespace

void forward(const Model& model, std::span<const Slice> slices, Arena& arena) {
  const ArenaScope scope(arena);
  std::vector<Sequence> sequences;
  int R = 0;
  for (const Slice& slice : slices) {
    sequences.push_back({slice.state, R, int(slice.tokens.size()), slice.tokens.data()});
    R += int(slice.tokens.size());
  }

  const int C = model.config.channels;
  const Rows x = arena.rows(R, C), v_first = arena.rows(R, C), embedding = arena.rows(R, C);
  embed(model, sequences, embedding);
  copy(embedding, x);
  Calls calls(arena);
  for (int i = 0; i < model.config.layers; ++i)
    run_layer(calls, model.layers[i], {{}, {}, sequences, model.config, i, v_first, embedding}, x);
  write_hidden(model, slices, sequences, x);
  write_logits(model, slices, sequences, x, arena);
}

}  // namespace rwkv
