#include "training/tape.h"

#include "pool.h"

namespace rwkv {
namespace {

constexpr uint64_t kLineFloats = Buffer::kAlignment / sizeof(float);  // to which the arena rounds up

constexpr uint64_t aligned(uint64_t bytes) {
  return (bytes + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
}

// f of ranges of rows, shared among threads.
template <class F>
void share_rows(Rows x, F f) {
  constexpr double kNsOfElement = 0.5;
  pool.run(x.count, kNsOfElement * x.width, [=](int first, int last) {
    f([=](Rows of) { return Rows{of.row(first), last - first, of.width}; });
  });
}
void copy_rows(Rows x, Rows out) {
  share_rows(x, [=](auto part) { rwkv::copy(part(x), part(out)); });
}

void add_to(const float* from, int n, float* to) {
  for (int i = 0; i < n; ++i) to[i] += from[i];
}

}  // namespace

// Walking back a call takes scratch memory behind all that was written down.
void Tape::count(uint64_t bytes, uint64_t scratch_bytes) {
  arena_bytes_ += aligned(bytes);
  scratch_bytes_ = std::max(scratch_bytes_, aligned(scratch_bytes));
  most_.arena = std::max(most_.arena, arena_bytes_ + scratch_bytes_);
}

Rows Tape::rows(int count, int width) {
  const uint64_t first = used_;
  used_ += aligned(uint64_t(count) * uint64_t(width) * sizeof(float)) / sizeof(float);
  most_.values = std::max(most_.values, used_ * sizeof(float));
  if (counts_only()) return {nullptr, count, width};
  assert(used_ <= distance_);
  const Rows made{memory_ + first, count, width};
  if (records_)
    share_rows(gradient(made), [=, this](auto part) {
      const Rows zeros = part(gradient(made));
      std::fill_n(zeros.data, zeros.size(), 0.0f);
    });
  return made;
}

Rows Tape::keep(int count, int width) {
  if (!records_) return {nullptr, count, width};
  this->count(uint64_t(count) * uint64_t(width) * sizeof(float));
  return counts_only() ? Rows{nullptr, count, width} : arena_->rows(count, width);
}

void Tape::rewind(const Mark& mark) {
  used_ = mark.values, arena_bytes_ = mark.arena_bytes, last_ = nullptr;
  if (arena_) arena_->rewind(mark.arena);
}

bool Tape::walk_back(int calls) {
  for (; last_ && calls > 0; last_ = last_->previous, --calls) last_->walk(last_);
  return last_ != nullptr;
}

template <class Forward, class Backward>
void Tape::in_place(Rows x, Forward forward, Backward backward) {
  const Rows before = keep(x.count, x.width);
  call(
      0,
      [=] {
        if (before.data) copy_rows(x, before);
        forward();
      },
      [=] {
        backward(before);
        copy_rows(before, x);
      });
}

void Tape::copy(Rows x, Rows out) {
  call(
      0, [=] { rwkv::copy(x, out); }, [=, this] { rwkv::add(gradient(out), gradient(x)); });
}
void Tape::columns(Rows x, int first, Rows out) {
  call(
      0, [=] { rwkv::columns(x, first, out); },
      [=, this] {
        for (int r = 0; r < out.count; ++r)
          add_to(gradient(out).row(r), out.width, gradient(x).row(r) + first);
      });
}
void Tape::repeat(const Vector& x, Rows out) {
  call(
      0, [=, &x] { rwkv::repeat(x, out); },
      [=, this, &x] { add_backward(gradient(out), learned_.gradient(x)); });
}

void Tape::shift(Rows x, std::span<const Sequence> sequences, size_t kept, Rows prev) {
  call(
      0, [=] { rwkv::shift(x, sequences, kept, prev); },
      [=, this] {
        const Rows dx = gradient(x), dprev = gradient(prev);
        for (size_t i = 0; i < sequences.size(); ++i) {
          const auto [state, first, count, tokens] = sequences[i];
          float* last = state_gradients_[i].data() + kept;
          add_to(last, x.width, dx.row(first + count - 1));
          add_to(dprev.row(first + 1), (count - 1) * x.width, dx.row(first));
          std::copy_n(dprev.row(first), x.width, last);
        }
      });
}

// Nobody learns the table.
void Tape::add_rows(const Embedding& table, std::span<const Sequence> sequences, Rows E) {
  call(
      uint64_t(E.width) * sizeof(float), [=, this, &table] { Calls(*arena_).add_rows(table, sequences, E); },
      [] {});
}

Rows Tape::product(const Matrix& W, Rows y) {
  const bool is_kept = kept_ == Kept::kAll || (kept_ == Kept::kNarrow && W.rows <= W.cols);
  if (!is_kept) return {};
  most_.products += y.size() * sizeof(float);
  const Rows kept{products_, y.count, y.width};
  if (products_) products_ += y.size();
  return kept;
}

void Tape::matmul(const Matrix& W, Rows x, Rows y) {
  const Rows kept = product(W, y);
  const auto scratch =
      std::max(uint64_t(x.count) * uint64_t(W.cols), matmul_backward_floats(W.cols)) * sizeof(float);
  call(
      scratch,
      [=, this, &W] {
        if (kept.data && records_) return copy_rows(kept, y);
        rwkv::matmul(W, x, y, *arena_);
        if (kept.data) copy_rows(y, kept);
      },
      [=, this, &W] {
        const Learned::Place place = learned_.place(&W);
        matmul_backward(W, gradient(y), gradient(x), *arena_);
        matmul_weight_backward(gradient(y), x, place.transposed, place.data, *arena_);
      });
  const Adapter* adapter = learned_.adapter(W);
  if (!adapter) return;
  const Rows h = rows(x.count, adapter->down.rows), more = rows(y.count, y.width);
  matmul(adapter->down, x, h);
  matmul(adapter->up, h, more);
  add(more, y);
}

void Tape::matmul_each(Rows x, Rows E, Rows y) {
  call(
      0, [=] { rwkv::matmul_each(x, E, y); },
      [=, this] { matmul_each_backward(x, E, gradient(y), gradient(x), gradient(E)); });
}

void Tape::lerp(Rows x, Rows prev, const Vector& mu, Rows out) {
  call(
      0, [=, &mu] { share_rows(x, [=, &mu](auto part) { rwkv::lerp(part(x), part(prev), mu, part(out)); }); },
      [=, this, &mu] {
        lerp_backward(x, prev, mu, gradient(out), gradient(x), gradient(prev), learned_.gradient(mu));
      });
}
void Tape::lerp(Rows x, Rows prev, Rows mu, Rows out) {
  call(
      0, [=] { share_rows(x, [=](auto part) { rwkv::lerp(part(x), part(prev), part(mu), part(out)); }); },
      [=, this] { lerp_backward(x, prev, mu, gradient(out), gradient(x), gradient(prev), gradient(mu)); });
}

// Sums are not undone: nothing reads what they were made of.
void Tape::add(Rows x, Rows out) {
  call(
      0, [=] { rwkv::add(x, out); }, [=, this] { rwkv::add(gradient(out), gradient(x)); });
}
void Tape::add(const Vector& bias, Rows out) {
  call(
      0, [=, &bias] { rwkv::add(bias, out); },
      [=, this, &bias] { add_backward(gradient(out), learned_.gradient(bias)); });
}

void Tape::multiply(Rows x, Rows out) {
  in_place(
      out, [=] { rwkv::multiply(x, out); },
      [=, this](Rows before) { multiply_backward(x, before, gradient(out), gradient(x)); });
}
void Tape::multiply(Rows x, const Vector& scale, Rows out) {
  call(
      0, [=, &scale] { rwkv::multiply(x, scale, out); },
      [=, this, &scale] {
        multiply_backward(x, scale, gradient(out), gradient(x), learned_.gradient(scale));
      });
}

void Tape::pointwise(Rows x, void (*forward)(Rows), void (*backward)(Rows, Rows, Rows)) {
  in_place(
      x, [=] { share_rows(x, [=](auto part) { forward(part(x)); }); },
      [=, this](Rows before) { backward(before, x, gradient(x)); });
}
void Tape::sigmoid(Rows x) { pointwise(x, rwkv::sigmoid, sigmoid_backward); }
void Tape::tanh(Rows x) { pointwise(x, rwkv::tanh, tanh_backward); }
void Tape::silu(Rows x) { pointwise(x, rwkv::silu, silu_backward); }
void Tape::relu_squared(Rows x) { pointwise(x, rwkv::relu_squared, relu_squared_backward); }
void Tape::decay6(Rows x) { pointwise(x, rwkv::decay6, decay6_backward); }
void Tape::decay7(Rows x) { pointwise(x, rwkv::decay7, decay7_backward); }

void Tape::scale_key7(Rows a, const Vector& k_a, Rows k) {
  in_place(
      k, [=, &k_a] { share_rows(k, [=, &k_a](auto part) { rwkv::scale_key7(part(a), k_a, part(k)); }); },
      [=, this, &k_a](Rows before) {
        scale_key7_backward(a, k_a, before, gradient(a), learned_.gradient(k_a), gradient(k));
      });
}

// x is kept: the residual stream moves on.
void Tape::layer_norm(Rows x, const Norm& norm, float eps, Rows out) {
  const Rows before = keep(x.count, x.width);
  call(
      0,
      [=, &norm] {
        if (before.data) copy_rows(x, before);
        share_rows(x, [=, &norm](auto part) { rwkv::layer_norm(part(x), norm, eps, part(out)); });
      },
      [=, this, &norm] {
        norm_backward(before, 1, norm, eps, gradient(out), gradient(x), learned_.gradient(norm.weight),
                      learned_.gradient(norm.bias));
      });
}
void Tape::group_norm(Rows x, int heads, const Norm& norm, float eps) {
  const Rows dy = keep(x.count, x.width);
  in_place(
      x,
      [=, &norm] { share_rows(x, [=, &norm](auto part) { rwkv::group_norm(part(x), heads, norm, eps); }); },
      [=, this, &norm](Rows before) {
        const Rows dx = gradient(x);
        rwkv::copy(dx, dy);
        std::fill_n(dx.data, dx.size(), 0.0f);
        norm_backward(before, heads, norm, eps, dy, dx, learned_.gradient(norm.weight),
                      learned_.gradient(norm.bias));
      });
}
void Tape::normalize_heads(Rows x, int heads) {
  in_place(
      x, [=] { share_rows(x, [=](auto part) { rwkv::normalize_heads(part(x), heads); }); },
      [=, this](Rows before) { normalize_heads_backward(before, x, heads, gradient(x)); });
}

// wkv(s, state) for each sequence; backward(s, the state before, the gradient to the state).
template <class Wkv, class Backward>
void Tape::recur(const LayerInput& in, uint64_t scratch_floats, Wkv wkv, Backward backward) {
  const Rows before = keep(int(in.sequences.size()), in.config.wkv_floats());
  call(
      scratch_floats * sizeof(float),
      [=] {
        for (size_t i = 0; i < in.sequences.size(); ++i) {
          const Sequence& s = in.sequences[i];
          if (before.data) std::copy_n(s.state->wkv(in.layer), before.width, before.row(int(i)));
          wkv(s, s.state->wkv(in.layer));
        }
      },
      [=, this] {
        for (size_t i = 0; i < in.sequences.size(); ++i)
          backward(in.sequences[i], before.row(int(i)), state_gradients_[i].wkv(in.layer));
      });
}

void Tape::wkv4(const LayerInput& in, Rows r, Rows k, Rows v, const Vector& w, const Vector& u, Rows y) {
  recur(
      in, 3 * (uint64_t(r.count) * uint64_t(r.width) + kLineFloats),
      [=, &w, &u](const Sequence& s, float* state) {
        rwkv::wkv4(s.of(r), s.of(k), s.of(v), w, u, state, s.of(y));
      },
      [=, this, &w, &u](const Sequence& s, const float* state, float* dstate) {
        wkv4_backward(s.of(r), s.of(k), s.of(v), w, u, state, s.of(gradient(y)), s.of(gradient(r)),
                      s.of(gradient(k)), s.of(gradient(v)), learned_.gradient(w), learned_.gradient(u),
                      dstate, *arena_);
      });
}
void Tape::wkv6(const LayerInput& in, Rows r, Rows k, Rows v, Rows w, const Vector& u, Rows y) {
  const int heads = in.config.heads;
  recur(
      in, wkv_backward_floats(r.count, r.width, r.width / heads),
      [=, &u](const Sequence& s, float* state) {
        rwkv::wkv6(s.of(r), s.of(k), s.of(v), s.of(w), u, heads, state, s.of(y));
      },
      [=, this, &u](const Sequence& s, const float* state, float* dstate) {
        wkv6_backward(s.of(r), s.of(k), s.of(v), s.of(w), u, heads, state, s.of(gradient(y)),
                      s.of(gradient(r)), s.of(gradient(k)), s.of(gradient(v)), s.of(gradient(w)),
                      learned_.gradient(u), dstate, *arena_);
      });
}
void Tape::wkv7(const LayerInput& in, Rows r, Rows w, Rows k, Rows v, Rows kk, Rows a, Rows y) {
  const int heads = in.config.heads;
  recur(
      in, wkv_backward_floats(r.count, r.width, r.width / heads),
      [=](const Sequence& s, float* state) {
        rwkv::wkv7(s.of(r), s.of(w), s.of(k), s.of(v), s.of(kk), s.of(a), heads, state, s.of(y));
      },
      [=, this](const Sequence& s, const float* state, float* dstate) {
        wkv7_backward(s.of(r), s.of(w), s.of(k), s.of(v), s.of(kk), s.of(a), heads, state, s.of(gradient(y)),
                      s.of(gradient(r)), s.of(gradient(w)), s.of(gradient(k)), s.of(gradient(v)),
                      s.of(gradient(kk)), s.of(gradient(a)), dstate, *arena_);
      });
}

void Tape::add_bonus(Rows r, Rows k, Rows v, const Vector& r_k, int heads, Rows y) {
  call(
      0,
      [=, &r_k] {
        share_rows(r,
                   [=, &r_k](auto part) { rwkv::add_bonus(part(r), part(k), part(v), r_k, heads, part(y)); });
      },
      [=, this, &r_k] {
        add_bonus_backward(r, k, v, r_k, heads, gradient(y), gradient(r), gradient(k), gradient(v),
                           learned_.gradient(r_k));
      });
}

}  // namespace rwkv
