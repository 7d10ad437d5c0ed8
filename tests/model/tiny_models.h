// Checkpoints that nobody has published, made of the oracles' tensors: lists of tensors to write as files.
#pragma once

#include <map>

#include "formats/checkpoint.h"
#include "formats/safetensors_writer.h"
#include "quant/dtype.h"
#include "reference.h"

namespace rwkv {

using Parts = std::vector<FileTensor>;  // what a file is made of

inline FileTensor part_of(std::string name, DType dtype, Shape shape, const std::vector<float>& values) {
  FileTensor part{std::move(name), dtype, std::move(shape), Bytes(bytes_of(dtype, values.size()))};
  encode(dtype, values, part.data.data());
  return part;
}

inline std::vector<float> floats_of(const FileTensor& part) {
  std::vector<float> values(part.data.size() / block_size(part.dtype).bytes);
  decode(part.dtype, part.data.data(), values);
  return values;
}

// The file's floats under the names of its tensors.
inline std::map<std::string, reference::Doubles> weights_of(const Parts& parts) {
  std::map<std::string, reference::Doubles> weights;
  for (const FileTensor& part : parts) weights[part.name] = reference::doubles(floats_of(part));
  return weights;
}

inline Parts oracle_parts(const std::string& name) {
  const Bytes file = read_file(fixture("oracle/" + name + ".pth"));
  const MemorySource source(name, file);
  const auto checkpoint = open_checkpoint(source);
  return checkpoint ? read_tensors(*checkpoint) : Parts();
}

inline FileTensor* find(Parts& parts, std::string_view name) {
  const auto found = std::find_if(parts.begin(), parts.end(), [&](const auto& p) { return p.name == name; });
  return found == parts.end() ? nullptr : &*found;
}

inline int layers_of(const Parts& parts) {
  return int(
      std::count_if(parts.begin(), parts.end(), [](const auto& p) { return p.name.ends_with(".ln1.bias"); }));
}

inline std::string in_layer(int layer, std::string_view name) {
  return "blocks." + std::to_string(layer) + "." + std::string(name);
}

// Version 7 with random DeepEmbeds, named and shaped as in rwkv7a-g1b-0.1b. `v7` holds a whole model of
// version 7 with V rows of C in "emb.weight" and F of "ffn.key.weight".
inline Parts tiny_7a(Parts v7) {
  const Shape emb = find(v7, "emb.weight")->shape;
  const int64_t V = emb[0], C = emb[1], F = find(v7, in_layer(0, "ffn.key.weight"))->shape[0];
  for (int layer = 0; layer < layers_of(v7); ++layer) {
    const auto add = [&](const char* name, Shape shape, float low, float high) {
      size_t count = 1;
      for (const int64_t size : shape) count *= size_t(size);
      const unsigned seed = unsigned(v7.size());
      v7.push_back(part_of(in_layer(layer, name), DType::kBF16, std::move(shape),
                           reference::random_floats(count, low, high, seed)));
    };
    add("ffn.s_emb.weight", {V, 1024}, -0.3f, 0.3f);
    add("ffn.s_emb_x.weight", {1024, C}, -0.1f, 0.1f);
    add("ffn.s0", {1, 1, F}, 0.5f, 1.5f);
    add("ffn.s1", {C, 32}, -0.2f, 0.2f);
    add("ffn.s2", {32, F}, -0.1f, 0.1f);
  }
  return v7;
}

// The version 5.2 with one decay and one bonus a head: as 5.1 stores them, one number each, or repeated for
// each channel.
inline Parts tiny_51(Parts v52, bool repeated) {
  for (FileTensor& part : v52) {
    if (!part.name.ends_with("att.time_decay") && !part.name.ends_with("att.time_faaaa")) continue;
    const int64_t H = part.shape[0], N = part.shape[1];
    std::vector<float> values = floats_of(part), heads;
    for (size_t i = 0; i < values.size(); ++i) values[i] = values[i / size_t(N) * size_t(N)];
    for (int64_t h = 0; h < H; ++h) heads.push_back(values[size_t(h * N)]);
    part = repeated ? part_of(part.name, part.dtype, part.shape, values)
                    : part_of(part.name, part.dtype, {H}, heads);
  }
  return v52;
}

// The same without its gate, and the bonus by its logarithm, `time_first`: version 5.0.
inline Parts tiny_50(const Parts& v52) {
  Parts v50;
  for (FileTensor& part : tiny_51(v52, false)) {
    if (part.name.ends_with("att.gate.weight") || part.name.ends_with("att.time_mix_g")) continue;
    if (const size_t at = part.name.find("time_faaaa"); at != std::string::npos) {
      std::vector<float> logs = floats_of(part);
      for (float& u : logs) u = std::log(std::fabs(u) + 0.1f);
      part = part_of(part.name.replace(at, 10, "time_first"), DType::kF32, part.shape, logs);
    }
    v50.push_back(std::move(part));
  }
  return v50;
}

// Random initial states (H, N, N) for each layer, as state tuning saves them.
inline Parts tiny_states(int layers, int64_t H, int64_t N) {
  Parts states;
  for (int layer = 0; layer < layers; ++layer)
    states.push_back(part_of(in_layer(layer, "att.time_state"), DType::kF32, {H, N, N},
                             reference::random_floats(size_t(H * N * N), -1, 1, unsigned(layer) + 1)));
  return states;
}

}  // namespace rwkv
