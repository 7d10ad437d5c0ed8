// Models of any size with random weights: for what depends on shapes only, such as memory and speed.
#pragma once

#include "formats/file_tensor.h"

namespace rwkv {

// Version 7, shaped as the authors shape theirs: heads of 64, F = 4 C, ranks of the 0.1B model; all bf16,
// uniform in +-0.05 (0.1B: 12 layers, C 768, V 65536; 0.4B: 24 layers, C 1024).
inline std::vector<FileTensor> random_v7(int layers, int64_t C, int64_t V) {
  std::vector<FileTensor> tensors;
  uint32_t state = 1;
  const auto add = [&](const std::string& name, Shape shape) {
    FileTensor tensor{name, DType::kBF16, std::move(shape), {}};
    size_t count = 1;
    for (const int64_t size : tensor.shape) count *= size_t(size);
    tensor.data.resize(count * 2);
    for (size_t i = 0; i < count; ++i) {
      state = state * 1664525 + 1013904223;
      const float value = (float(state >> 8) * 0x1p-24f - 0.5f) * 0.1f;
      encode(DType::kBF16, {&value, 1}, &tensor.data[2 * i]);
    }
    tensors.push_back(std::move(tensor));
  };
  const auto norm = [&](const std::string& name) { add(name + ".weight", {C}), add(name + ".bias", {C}); };

  add("emb.weight", {V, C});
  norm("blocks.0.ln0");
  for (int layer = 0; layer < layers; ++layer) {
    const std::string block = "blocks." + std::to_string(layer) + ".", att = block + "att.",
                      ffn = block + "ffn.";
    norm(block + "ln1"), norm(block + "ln2"), norm(att + "ln_x");
    for (const char letter : {'r', 'w', 'k', 'v', 'a', 'g'}) add(att + "x_" + letter, {1, 1, C});
    for (const auto& [letter, rank] : {std::pair{'w', 64}, {'a', 64}, {'v', 32}, {'g', 128}}) {
      add(att + letter + '1', {C, rank});
      add(att + letter + '2', {rank, C});
      if (letter != 'g') add(att + letter + '0', {1, 1, C});
    }
    add(att + "k_k", {1, 1, C}), add(att + "k_a", {1, 1, C}), add(att + "r_k", {C / 64, 64});
    for (const char* name : {"receptance", "key", "value", "output"}) add(att + name + ".weight", {C, C});
    add(ffn + "x_k", {1, 1, C}), add(ffn + "key.weight", {4 * C, C}), add(ffn + "value.weight", {C, 4 * C});
  }
  norm("ln_out");
  add("head.weight", {V, C});
  return tensors;
}

}  // namespace rwkv
