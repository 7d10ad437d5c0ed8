// How a layer's equations reach the kernels: they are written once, as calls of a reader. This one makes each
// call as it comes; learning has another, which also writes them down to walk them backwards.
#pragma once

#include <algorithm>

#include "model/layer.h"
#include "model/state.h"

namespace rwkv {

// prev = x one token earlier; the states keep each sequence's last row for the next call, at `kept`.
inline void shift(Rows x, std::span<const Sequence> sequences, size_t kept, Rows prev) {
  for (const Sequence& s : sequences) {
    float* last = s.state->data() + kept;
    std::copy_n(last, x.width, prev.row(s.first));
    std::copy_n(x.row(s.first), size_t(s.count - 1) * x.width, prev.row(s.first + 1));
    std::copy_n(x.row(s.first + s.count - 1), x.width, last);
  }
}

// out = the columns [first, first + out.width) of x.
inline void columns(Rows x, int first, Rows out) {
  for (int r = 0; r < out.count; ++r) std::copy_n(x.row(r) + first, out.width, out.row(r));
}

// Every row of out = x (C).
inline void repeat(const Vector& x, Rows out) {
  for (int r = 0; r < out.count; ++r) std::copy(x.begin(), x.end(), out.row(r));
}

inline void copy(Rows x, Rows out) { std::copy_n(x.data, x.size(), out.data); }

// Row i of out = row wanted[i] of x.
inline void gather(Rows x, std::span<const int> wanted, Rows out) {
  for (int i = 0; i < out.count; ++i) std::copy_n(x.row(wanted[size_t(i)]), x.width, out.row(i));
}

class Calls {
 public:
  explicit Calls(Arena& arena) : arena_(arena) {}

  Rows rows(int count, int width) { return arena_.rows(count, width); }
  // What rows() gives while it lives is scratch memory again afterwards.
  ArenaScope scope() { return ArenaScope(arena_); }

  // Each row of out = the table's row of its token.
  void embed(const Embedding& table, std::span<const Sequence> sequences, Rows out) {
    for (const Sequence& s : sequences)
      for (int t = 0; t < s.count; ++t) table.row(s.tokens[t], {out.row(s.first + t), size_t(out.width)});
  }
  void gather(Rows x, std::span<const int> wanted, Rows out) { rwkv::gather(x, wanted, out); }
  void copy(Rows x, Rows out) { rwkv::copy(x, out); }
  void columns(Rows x, int first, Rows out) { rwkv::columns(x, first, out); }
  void repeat(const Vector& x, Rows out) { rwkv::repeat(x, out); }
  void shift(Rows x, std::span<const Sequence> sequences, size_t kept, Rows prev) {
    rwkv::shift(x, sequences, kept, prev);
  }
  // E row += the table's row of its token.
  void add_rows(const Embedding& table, std::span<const Sequence> sequences, Rows E) {
    const ArenaScope scope(arena_);
    const Rows own = arena_.rows(1, E.width);
    for (const Sequence& s : sequences)
      for (int t = 0; t < s.count; ++t) {
        table.row(s.tokens[t], {own.data, own.size()});
        rwkv::add(own, {E.row(s.first + t), 1, E.width});
      }
  }

  void matmul(const Matrix& W, Rows x, Rows y) { rwkv::matmul(W, x, y, arena_); }
  void matmul_each(Rows x, Rows E, Rows y) { rwkv::matmul_each(x, E, y); }
  void lerp(Rows x, Rows prev, const Vector& mu, Rows out) { rwkv::lerp(x, prev, mu, out); }
  void lerp(Rows x, Rows prev, Rows mu, Rows out) { rwkv::lerp(x, prev, mu, out); }
  void add(Rows x, Rows out) { rwkv::add(x, out); }
  void add(const Vector& bias, Rows out) { rwkv::add(bias, out); }
  void multiply(Rows x, Rows out) { rwkv::multiply(x, out); }
  void multiply(Rows x, const Vector& scale, Rows out) { rwkv::multiply(x, scale, out); }
  void sigmoid(Rows x) { rwkv::sigmoid(x); }
  void tanh(Rows x) { rwkv::tanh(x); }
  void silu(Rows x) { rwkv::silu(x); }
  void relu_squared(Rows x) { rwkv::relu_squared(x); }
  void decay6(Rows x) { rwkv::decay6(x); }
  void decay7(Rows x) { rwkv::decay7(x); }
  void scale_key7(Rows a, const Vector& k_a, Rows k) { rwkv::scale_key7(a, k_a, k); }
  void layer_norm(Rows x, const Norm& norm, float eps, Rows out) { rwkv::layer_norm(x, norm, eps, out); }
  void group_norm(Rows x, int heads, const Norm& norm, float eps) { rwkv::group_norm(x, heads, norm, eps); }
  void normalize_heads(Rows x, int heads) { rwkv::normalize_heads(x, heads); }
  void wkv4(const LayerInput& in, Rows r, Rows k, Rows v, const Vector& w, const Vector& u, Rows y) {
    for (const Sequence& s : in.sequences)
      rwkv::wkv4(s.of(r), s.of(k), s.of(v), w, u, s.state->wkv(in.layer), s.of(y));
  }
  void wkv6(const LayerInput& in, Rows r, Rows k, Rows v, Rows w, const Vector& u, Rows y) {
    for (const Sequence& s : in.sequences)
      rwkv::wkv6(s.of(r), s.of(k), s.of(v), s.of(w), u, in.config.heads, s.state->wkv(in.layer), s.of(y));
  }
  void wkv7(const LayerInput& in, Rows r, Rows w, Rows k, Rows v, Rows kk, Rows a, Rows y) {
    for (const Sequence& s : in.sequences)
      rwkv::wkv7(s.of(r), s.of(w), s.of(k), s.of(v), s.of(kk), s.of(a), in.config.heads,
                 s.state->wkv(in.layer), s.of(y));
  }
  void add_bonus(Rows r, Rows k, Rows v, const Vector& r_k, int heads, Rows y) {
    rwkv::add_bonus(r, k, v, r_k, heads, y);
  }

 private:
  Arena& arena_;
};

}  // namespace rwkv
