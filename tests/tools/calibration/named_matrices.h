// The large matrices of a layer under the authors' names: those that a q4 file holds in four bits.
#pragma once

#include <string>
#include <vector>

#include "model/model.h"

namespace rwkv {

struct NamedMatrix {
  std::string name;
  Matrix* matrix;
};

inline std::vector<NamedMatrix> time_mix_matrices(Layer& layer) {
  std::vector<NamedMatrix> found;
  std::visit(
      [&](auto& mix) {
        found = {{"att.receptance.weight", &mix.R}, {"att.key.weight", &mix.K}, {"att.value.weight", &mix.V}};
        if constexpr (requires { mix.G; })
          if (!mix.G.empty()) found.push_back({"att.gate.weight", &mix.G});
        found.push_back({"att.output.weight", &mix.O});
      },
      layer.time_mix);
  return found;
}

inline std::vector<NamedMatrix> channel_mix_matrices(Layer& layer) {
  ChannelMix& mix = layer.channel_mix;
  std::vector<NamedMatrix> found = {{"ffn.key.weight", &mix.K}};
  if (!mix.R.empty()) found.push_back({"ffn.receptance.weight", &mix.R});
  if (!mix.deep.s_emb_x.empty()) found.push_back({"ffn.s_emb_x.weight", &mix.deep.s_emb_x});
  found.push_back({"ffn.value.weight", &mix.V});
  return found;
}

}  // namespace rwkv
