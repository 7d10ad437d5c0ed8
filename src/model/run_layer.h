// A layer of any version.
#pragma once

#include "model/calls.h"
#include "model/channel_mix.h"
#include "model/model.h"
#include "model/time_mix4.h"
#include "model/time_mix5.h"
#include "model/time_mix6.h"
#include "model/time_mix7.h"

namespace rwkv {

// x (R, C) += time_mix(ln1(x)); x += channel_mix(ln2(x)). Moves the states of in.sequences on.
template <class Calls>
void run_layer(Calls& calls, const Layer& layer, LayerInput in, Rows x) {
  const StateLayout layout(in.config);
  const auto half = [&](const Norm& norm, size_t kept, auto mix) {
    [[maybe_unused]] const auto scope = calls.scope();
    const Rows out = calls.rows(x.count, x.width);
    in.x = calls.rows(x.count, x.width), in.prev = calls.rows(x.count, x.width);
    calls.layer_norm(x, norm, kNormEps, in.x);
    calls.shift(in.x, in.sequences, kept, in.prev);
    mix(out);
    calls.add(out, x);
  };
  half(layer.ln1, layout.time_shift(in.layer),
       [&](Rows out) { std::visit([&](const auto& m) { time_mix(calls, m, in, out); }, layer.time_mix); });
  half(layer.ln2, layout.channel_shift(in.layer),
       [&](Rows out) { channel_mix(calls, layer.channel_mix, in, out); });
}

}  // namespace rwkv
