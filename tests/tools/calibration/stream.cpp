#include "tools/calibration/stream.h"

#include "model/run_layer.h"
#include "tools/calibration/parallel.h"

namespace rwkv {

Stream::Stream(const Model& model, std::span<const Token> tokens) {
  const int C = model.config.channels;
  memory_.resize(tokens.size() * size_t(C) * 3);
  float* next = memory_.data();
  for (const std::span<const Token> window : windows_of(tokens)) {
    const auto rows = [&] {
      const Rows made{next, int(window.size()), C};
      next += made.size();
      return made;
    };
    Window& w = windows_.emplace_back(inputs_of(window), rows(), rows(), rows());
    for (int r = 0; r < w.x.count; ++r)
      model.embedding.row(w.tokens[size_t(r)], {w.embedding.row(r), size_t(C)});
    layer_norm(w.embedding, model.ln0, kNormEps, w.embedding);
    std::copy_n(w.embedding.data, w.embedding.size(), w.x.data);
  }
}

void Stream::run(const Model& model, int layer, Half half, size_t window, Arena& arena, Rows out) const {
  const ArenaScope scope(arena);
  const Window& w = windows_[window];
  const Layer& l = model.layers[size_t(layer)];
  State state(model.config);
  const Sequence sequence{&state, 0, w.x.count, w.tokens.data()};
  const Rows h = arena.rows(w.x.count, w.x.width), prev = arena.rows(w.x.count, w.x.width);
  layer_norm(w.x, half == Half::kTimeMix ? l.ln1 : l.ln2, kNormEps, h);
  std::fill_n(prev.data, prev.width, 0.0f);
  std::copy_n(h.data, h.size() - size_t(h.width), prev.row(1));
  const LayerInput in{h, prev, {&sequence, 1}, model.config, layer, w.v_first, w.embedding};
  Calls calls(arena);
  if (half == Half::kTimeMix) std::visit([&](const auto& mix) { time_mix(calls, mix, in, out); }, l.time_mix);
  else channel_mix(calls, l.channel_mix, in, out);
}

void Stream::advance(const Model& model, int layer, Half half) {
  in_parallel(kThreads, [&](size_t thread) {
    Arena arena;
    for (size_t i = thread; i < windows_.size(); i += kThreads) {
      const ArenaScope scope(arena);
      const Rows out = arena.rows(x(i).count, x(i).width);
      run(model, layer, half, i, arena, out);
      add(out, x(i));
    }
  });
}

void Stream::normed(const Model& model, size_t window, Rows out) const {
  layer_norm(x(window), model.ln_out, kNormEps, out);
}

}  // namespace rwkv
