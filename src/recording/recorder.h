// The third reader of a model's equations (model/calls.h): it makes no call and writes each down as an operation
// (operations.h). Rows have no memory: their addresses are floats from the beginning of whatever scratch memory a
// device has.
#pragma once

#include <bit>
#include <initializer_list>

#include "model/run_model.h"
#include "recording/weight_table.h"

namespace rwkv {

class Recorder {
 public:
  // `vocabulary`: rows of an embedding. REQUIRES: the weights stay where they are.
  Recorder(WeightTable& weights, int vocabulary) : weights_(weights), vocabulary_(vocabulary) {}
  Recorder(const Recorder&) = delete;

  // (operations, kOperationWords)
  const std::vector<uint32_t>& words() const { return words_; }
  // Of scratch memory, at most.
  uint64_t floats() const { return most_; }
  static uint32_t address(Rows x) { return uint32_t(reinterpret_cast<uintptr_t>(x.data) / sizeof(float)); }

  Rows rows(int count, int width) {
    float* const data = reinterpret_cast<float*>(uintptr_t(used_ * sizeof(float)));
    used_ += (uint64_t(count) * uint64_t(width) + kLine - 1) / kLine * kLine;
    most_ = std::max(most_, used_);
    return {data, count, width};
  }
  // What rows() gives while it lives is scratch memory again afterwards.
  struct Scope {
    uint64_t &used, before;
    ~Scope() { used = before; }
  };
  Scope scope() { return {used_, used_}; }

  using Sequences = std::span<const Sequence>;
  void embed(const Embedding& table, Sequences, Rows out) {
    write(Operation::kEmbed, id(table, out), out, out.width);
  }
  void add_rows(const Embedding& table, Sequences, Rows E) {
    write(Operation::kAddRows, id(table, E), E, E.width);
  }
  void gather(Rows x, std::span<const int>, Rows out) { write(Operation::kGather, x, out, x.width); }
  void copy(Rows x, Rows out) { write(Operation::kCopy, x, out, x.size()); }
  void columns(Rows x, int first, Rows out) {
    write(Operation::kColumns, x, x.width, first, out, out.width, out.count);
  }
  void repeat(const Vector& x, Rows out) { write(Operation::kRepeat, x, out, out.count, out.width); }
  void shift(Rows x, Sequences, size_t kept, Rows prev) { write(Operation::kShift, x, prev, x.width, kept); }
  void matmul(const Matrix& W, Rows x, Rows y) {
    write(Operation::kMatmul, W, x, y, x.count, W.cols, W.rows);
  }
  void matmul_each(Rows x, Rows E, Rows y) {
    write(Operation::kMatmulEach, x, E, y, x.count, x.width, y.width);
  }
  void lerp(Rows x, Rows prev, const Vector& mu, Rows out) {
    write(Operation::kLerp, x, prev, mu, out, x.count, x.width);
  }
  void lerp(Rows x, Rows prev, Rows mu, Rows out) {
    write(Operation::kLerpRows, x, prev, mu, out, x.count, x.width);
  }
  void add(Rows x, Rows out) { write(Operation::kAdd, x, out, x.size()); }
  void add(const Vector& bias, Rows out) { write(Operation::kAddBias, bias, out, out.count, out.width); }
  void multiply(Rows x, Rows out) { write(Operation::kMultiply, x, out, x.size()); }
  void multiply(Rows x, const Vector& scale, Rows out) {
    write(Operation::kScale, x, scale, out, x.count, x.width);
  }
  void sigmoid(Rows x) { write(Operation::kSigmoid, x, x.size()); }
  void tanh(Rows x) { write(Operation::kTanh, x, x.size()); }
  void silu(Rows x) { write(Operation::kSilu, x, x.size()); }
  void relu_squared(Rows x) { write(Operation::kReluSquared, x, x.size()); }
  void decay6(Rows x) { write(Operation::kDecay6, x, x.size()); }
  void decay7(Rows x) { write(Operation::kDecay7, x, x.size()); }
  void scale_key7(Rows a, const Vector& k_a, Rows k) {
    write(Operation::kScaleKey7, a, k_a, k, k.count, k.width);
  }
  void layer_norm(Rows x, const Norm& norm, float eps, Rows out) {
    write(Operation::kLayerNorm, x, norm.weight, norm.bias, eps, out, x.count, x.width);
  }
  void group_norm(Rows x, int heads, const Norm& norm, float eps) {
    write(Operation::kGroupNorm, x, heads, norm.weight, norm.bias, eps, x.count, x.width);
  }
  void normalize_heads(Rows x, int heads) { write(Operation::kNormalizeHeads, x, heads, x.count, x.width); }
  void wkv4(const LayerInput& in, Rows r, Rows k, Rows v, const Vector& w, const Vector& u, Rows y) {
    write(Operation::kWkv4, r, k, v, w, u, y, y.width, state(in));
  }
  void wkv6(const LayerInput& in, Rows r, Rows k, Rows v, Rows w, const Vector& u, Rows y) {
    write(Operation::kWkv6, r, k, v, w, u, y, y.width, in.config.heads, state(in));
  }
  void wkv7(const LayerInput& in, Rows r, Rows w, Rows k, Rows v, Rows kk, Rows a, Rows y) {
    write(Operation::kWkv7, r, w, k, v, kk, a, y, y.width, in.config.heads, state(in));
  }
  void add_bonus(Rows r, Rows k, Rows v, const Vector& r_k, int heads, Rows y) {
    write(Operation::kAddBonus, r, k, v, r_k, heads, y, y.count, y.width);
  }

 private:
  static constexpr uint64_t kLine = 16;  // floats to which addresses are rounded up

  static size_t state(const LayerInput& in) { return StateLayout(in.config).wkv(in.layer); }
  uint32_t id(const Embedding& table, Rows rows) { return weights_.id(table, vocabulary_, rows.width); }

  uint32_t word(uint32_t id) { return id; }
  uint32_t word(int count) { return uint32_t(count); }
  uint32_t word(size_t count) { return uint32_t(count); }
  uint32_t word(float value) { return std::bit_cast<uint32_t>(value); }
  uint32_t word(Rows x) { return address(x); }
  uint32_t word(const Vector& weight) { return weights_.id(weight); }
  uint32_t word(const Matrix& weight) { return weights_.id(weight); }

  template <class... Arguments>
  void write(Operation operation, const Arguments&... arguments) {
    static_assert(sizeof...(Arguments) < kOperationWords);
    append({uint32_t(operation), word(arguments)...});
  }
  void append(std::initializer_list<uint32_t> words);

  WeightTable& weights_;
  const int vocabulary_;
  std::vector<uint32_t> words_;
  uint64_t used_ = 0, most_ = 0;
};

}  // namespace rwkv
