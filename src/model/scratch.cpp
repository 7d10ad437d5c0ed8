// How much scratch memory forward() takes.
#include <algorithm>

#include "model/model.h"

namespace rwkv {
namespace {

// Floats of a row: those of all products, and of the widest.
struct Widths {
  uint64_t all = 0, widest = 0;

  void add(const Matrix& W) {
    all += uint64_t(W.rows);
    widest = std::max({widest, uint64_t(W.rows), uint64_t(W.cols)});
  }
  void add(const LowRank& W) { add(W.down), add(W.up); }
  template <class... Products>
  void add(const Products&... products) {
    (add(products), ...);
  }
};

void add_products(const TimeMix4& m, Widths& sum) { sum.add(m.R, m.K, m.V, m.O); }
void add_products(const TimeMix5& m, Widths& sum) { sum.add(m.R, m.K, m.V, m.O, m.G); }
void add_products(const TimeMix6& m, Widths& sum) {
  sum.add(m.R, m.K, m.V, m.O, m.G, m.decay, m.mix_down, m.mix_down);  // once more as its fifths
  for (const Matrix& up : m.mix_up) sum.add(up);
}
void add_products(const TimeMix7& m, Widths& sum) { sum.add(m.R, m.K, m.V, m.O, m.w, m.a, m.v, m.g); }
void add_products(const ChannelMix& m, Widths& sum) {
  sum.add(m.K, m.V, m.R, m.deep.s_emb_x, m.deep.s_emb_x, m.deep.s, m.deep.s.down);
}

}  // namespace

uint64_t scratch_bytes(const Model& model, uint64_t rows, uint64_t logit_rows) {
  // Rows (C) beside the products: forward() has six, the mixes up to eight.
  constexpr uint64_t kOthers = 14, kRounding = 16 << 10;
  const auto C = uint64_t(model.config.channels), V = uint64_t(model.config.vocabulary);
  Widths most;
  for (const Layer& layer : model.layers) {
    Widths sum;
    std::visit([&](const auto& m) { add_products(m, sum); }, layer.time_mix);
    add_products(layer.channel_mix, sum);
    most = {std::max(most.all, sum.all), std::max(most.widest, sum.widest)};
  }
  return sizeof(float) * (rows * (kOthers * C + most.all + most.widest) + logit_rows * (V + 2 * C)) +
         kRounding;
}

}  // namespace rwkv
