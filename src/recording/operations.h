// The operations of a list: what a device is asked to compute. Each is a kernel of kernels.h or a call of
// model/calls.h, under its name. Whoever replays lists checks its own table against this one.
#pragma once

#include <array>
#include <cstdint>
#include <iterator>

namespace rwkv {

enum class Operation : uint32_t {
  kEmbed,
  kAddRows,
  kGather,
  kCopy,
  kColumns,
  kRepeat,
  kShift,
  kMatmul,
  kMatmulEach,
  kAddMatmulEach,
  kLerp,
  kLerpRows,
  kAdd,
  kAddBias,
  kMultiply,
  kScale,
  kSigmoid,
  kTanh,
  kSilu,
  kReluSquared,
  kDecay6,
  kDecay7,
  kScaleKey7,
  kLayerNorm,
  kGroupNorm,
  kNormalizeHeads,
  kWkv4,
  kWkv6,
  kWkv7,
  kAddBonus,
};

// An operation takes so many words: its number, its arguments, then zeros.
constexpr size_t kOperationWords = 16;
// In place of an id or an address: nothing.
constexpr uint32_t kNone = 0xffffffff;

struct OperationRow {
  Operation operation;
  const char* name;
  // Of rows: their address in scratch memory, in floats. `table`, `matrix`, `vector`, `weight`, `bias`, k_a, u, r_k, lerp's mu and wkv4's w:
  // numbers of weights. eps: a float's bits. `offset`: in a state, in floats. The others are counts: n of floats, R of rows; C, K, M
  // and `width` their widths.
  std::array<const char*, 10> arguments;
};

inline constexpr OperationRow kOperations[] = {
    {Operation::kEmbed, "embed", {"table", "out", "C"}},
    {Operation::kAddRows, "add_rows", {"table", "E", "C"}},
    {Operation::kGather, "gather", {"x", "out", "C"}},
    {Operation::kCopy, "copy", {"x", "out", "n"}},
    {Operation::kColumns, "columns", {"x", "x_width", "first", "out", "width", "R"}},
    {Operation::kRepeat, "repeat", {"vector", "out", "R", "C"}},
    {Operation::kShift, "shift", {"x", "prev", "C", "offset"}},
    {Operation::kMatmul, "matmul", {"matrix", "x", "y", "R", "K", "M"}},
    {Operation::kMatmulEach, "matmul_each", {"x", "E", "y", "R", "K", "M"}},
    {Operation::kAddMatmulEach, "add_matmul_each", {"x", "E", "y", "R", "K", "M"}},
    {Operation::kLerp, "lerp", {"x", "prev", "mu", "out", "R", "C"}},
    {Operation::kLerpRows, "lerp_rows", {"x", "prev", "mu", "out", "R", "C"}},
    {Operation::kAdd, "add", {"x", "out", "n"}},
    {Operation::kAddBias, "add_bias", {"vector", "out", "R", "C"}},
    {Operation::kMultiply, "multiply", {"x", "out", "n"}},
    {Operation::kScale, "scale", {"x", "vector", "out", "R", "C"}},
    {Operation::kSigmoid, "sigmoid", {"x", "n"}},
    {Operation::kTanh, "tanh", {"x", "n"}},
    {Operation::kSilu, "silu", {"x", "n"}},
    {Operation::kReluSquared, "relu_squared", {"x", "n"}},
    {Operation::kDecay6, "decay6", {"x", "n"}},
    {Operation::kDecay7, "decay7", {"x", "n"}},
    {Operation::kScaleKey7, "scale_key7", {"a", "k_a", "k", "R", "C"}},
    {Operation::kLayerNorm, "layer_norm", {"x", "weight", "bias", "eps", "out", "R", "C"}},
    {Operation::kGroupNorm, "group_norm", {"x", "heads", "weight", "bias", "eps", "R", "C"}},
    {Operation::kNormalizeHeads, "normalize_heads", {"x", "heads", "R", "C"}},
    {Operation::kWkv4, "wkv4", {"r", "k", "v", "w", "u", "y", "C", "offset"}},
    {Operation::kWkv6, "wkv6", {"r", "k", "v", "w", "u", "y", "C", "heads", "offset"}},
    {Operation::kWkv7, "wkv7", {"r", "w", "k", "v", "kk", "a", "y", "C", "heads", "offset"}},
    {Operation::kAddBonus, "add_bonus", {"r", "k", "v", "r_k", "heads", "y", "R", "C"}},
};
static_assert([] {
  for (size_t i = 0; i < std::size(kOperations); ++i)
    if (size_t(kOperations[i].operation) != i) return false;
  return true;
}());

}  // namespace rwkv
