#include "model/model.h"

#include <algorithm>

namespace rwkv {
namespace {

// x = ln0(emb[token]), (R, C).
void embed(const Model& model, std::span<const Slice> slices, Rows x) {
  int row = 0;
  for (const Slice& slice : slices)
    for (const int32_t token : slice.tokens) model.embedding.row(token, {x.row(row++), size_t(x.width)});
  layer_norm(x, model.ln0, kNormEps, x);
}

// prev = x one token earlier; the states keep each sequence's last row for the next call.
void shift(Rows x, std::span<const Sequence> sequences, float* (State::*kept)(int), int layer, Rows prev) {
  for (const Sequence& s : sequences) {
    float* last = (s.state->*kept)(layer);
    std::copy_n(last, x.width, prev.row(s.first));
    std::copy_n(x.row(s.first), size_t(s.count - 1) * x.width, prev.row(s.first + 1));
    std::copy_n(x.row(s.first + s.count - 1), x.width, last);
  }
}

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
  const auto wanted = [&](size_t i) {
    switch (slices[i].wanted) {
      case Slice::Logits::kNone:
        return 0;
      case Slice::Logits::kLast:
        return 1;
      case Slice::Logits::kAll:
        return sequences[i].count;
    }
    return 0;
  };
  int count = 0;
  for (size_t i = 0; i < slices.size(); ++i) count += wanted(i);
  if (count == 0) return;

  const Rows h = arena.rows(count, x.width), logits = arena.rows(count, model.config.vocabulary);
  int row = 0;
  for (size_t i = 0; i < slices.size(); ++i) {
    const int end = sequences[i].first + sequences[i].count;
    std::copy(x.row(end - wanted(i)), x.row(end), h.row(row));
    row += wanted(i);
  }
  layer_norm(h, model.ln_out, kNormEps, h);
  matmul(model.head, h, logits, arena);
  row = 0;
  for (size_t i = 0; i < slices.size(); row += wanted(i++))
    std::copy_n(logits.row(row), size_t(wanted(i)) * logits.width, slices[i].logits);
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
  const Rows x = arena.rows(R, C), h = arena.rows(R, C), prev = arena.rows(R, C), out = arena.rows(R, C);
  const Rows v_first = arena.rows(R, C), embedding = arena.rows(R, C);
  embed(model, slices, embedding);
  std::copy_n(embedding.data, embedding.size(), x.data);
  for (int i = 0; i < model.config.layers; ++i) {
    const Layer& layer = model.layers[i];
    const ArenaScope layer_scope(arena);
    const LayerInput in{h, prev, sequences, model.config, i, v_first, embedding, arena};

    layer_norm(x, layer.ln1, kNormEps, h);
    shift(h, sequences, &State::time_shift, i, prev);
    std::visit([&](const auto& m) { time_mix(m, in, out); }, layer.time_mix);
    add(out, x);

    layer_norm(x, layer.ln2, kNormEps, h);
    shift(h, sequences, &State::channel_shift, i, prev);
    channel_mix(layer.channel_mix, in, out);
    add(out, x);
  }
  write_hidden(model, slices, sequences, x);
  write_logits(model, slices, sequences, x, arena);
}

}  // namespace rwkv
