// The second reader of a layer's equations (model/calls.h): it makes each call of a kernel and writes down how to
// walk it backwards. Walking back also undoes what calls did in place, so that each finds its inputs as they
// were.
#pragma once

#include <new>
#include <type_traits>

#include "kernels/backward.h"
#include "model/calls.h"
#include "training/learned.h"

namespace rwkv {

// Bytes that a tape takes: of values, as many again of their gradients, of its arena, and of products that are kept.
struct TapeBytes {
  uint64_t values = 0, arena = 0, products = 0;
};

// Which products with weights the first reading of a layer keeps, so that the second need not make them again: none; those with
// no more rows than columns, which save most for their memory; all.
enum class Kept : uint8_t { kNone, kNarrow, kAll };

class Tape {
 public:
  struct Mark {
    uint64_t values = 0, arena_bytes = 0;
    Arena::Mark arena = {};
  };
  // A tape that makes no call and only counts the bytes that it would take: rows have no memory.
  explicit Tape(const Learned& learned, Kept kept) : learned_(learned), kept_(kept) {}
  // `values` (2 n floats): the gradient of a value lies n floats behind it. Rows of the arena have none. The
  // gradients to the states after a call are in `state_gradients`, one of each sequence, and walking back makes
  // them those to the states before it. It goes on behind `mark`. REQUIRES: memory as a counting tape told.
  Tape(const Learned& learned, std::span<float> values, std::span<State> state_gradients, Arena& arena,
       const Mark& mark)
      : learned_(learned),
        memory_(values.data()),
        distance_(values.size() / 2),
        state_gradients_(state_gradients),
        arena_(&arena) {
    rewind(mark);
  }
  Tape(const Tape&) = delete;

  TapeBytes bytes() const { return most_; }

  // Whether calls are written down, or made only.
  void record(bool on) { records_ = on; }
  // Where products of the calls to come are kept, or, of calls that are written down, lie already.
  void keep_products(Kept kept, float* memory) { kept_ = kept, products_ = memory; }
  Mark mark() const { return {used_, arena_bytes_, arena_ ? arena_->mark() : Arena::Mark{}}; }
  // Forgets rows and calls since then.
  void rewind(const Mark& mark);
  // Walks back so many of the calls that were written down, from the last; whether others are left.
  bool walk_back(int calls);

  Rows gradient(Rows x) const { return {x.data + distance_, x.count, x.width}; }
  Rows rows(int count, int width);
  struct Nothing {};
  Nothing scope() { return {}; }  // all rows are needed once more

  void copy(Rows x, Rows out);
  void columns(Rows x, int first, Rows out);
  void repeat(const Vector& x, Rows out);
  void shift(Rows x, std::span<const Sequence> sequences, size_t kept, Rows prev);
  void add_rows(const Embedding& table, std::span<const Sequence> sequences, Rows E);
  void matmul(const Matrix& W, Rows x, Rows y);
  void matmul_each(Rows x, Rows E, Rows y);
  void lerp(Rows x, Rows prev, const Vector& mu, Rows out);
  void lerp(Rows x, Rows prev, Rows mu, Rows out);
  void add(Rows x, Rows out);
  void add(const Vector& bias, Rows out);
  void multiply(Rows x, Rows out);
  void multiply(Rows x, const Vector& scale, Rows out);
  void sigmoid(Rows x);
  void tanh(Rows x);
  void silu(Rows x);
  void relu_squared(Rows x);
  void decay6(Rows x);
  void decay7(Rows x);
  void scale_key7(Rows a, const Vector& k_a, Rows k);
  void layer_norm(Rows x, const Norm& norm, float eps, Rows out);
  void group_norm(Rows x, int heads, const Norm& norm, float eps);
  void normalize_heads(Rows x, int heads);
  void wkv4(const LayerInput& in, Rows r, Rows k, Rows v, const Vector& w, const Vector& u, Rows y);
  void wkv6(const LayerInput& in, Rows r, Rows k, Rows v, Rows w, const Vector& u, Rows y);
  void wkv7(const LayerInput& in, Rows r, Rows w, Rows k, Rows v, Rows kk, Rows a, Rows y);
  void add_bonus(Rows r, Rows k, Rows v, const Vector& r_k, int heads, Rows y);

 private:
  struct Step {
    Step* previous;
    void (*walk)(Step*);
  };
  template <class F>
  struct StepOf : Step {
    F backward;
  };

  bool counts_only() const { return !arena_; }
  void count(uint64_t bytes, uint64_t scratch_bytes = 0);
  // (count, width) of the arena, until walking back.
  Rows keep(int count, int width);
  // The place of y = W x among the products that are kept; no data: of another.
  Rows product(const Matrix& W, Rows y);

  // Makes a call and writes down its backward; each takes at most `scratch_bytes` of the arena.
  template <class Forward, class Backward>
  void call(uint64_t scratch_bytes, Forward forward, Backward backward) {
    static_assert(std::is_trivially_copyable_v<Backward>, "it lies in the arena");
    count(records_ ? sizeof(StepOf<Backward>) : 0, scratch_bytes);
    if (counts_only()) return;
    forward();
    if (!records_) return;
    void* place = arena_->floats((sizeof(StepOf<Backward>) + sizeof(float) - 1) / sizeof(float));
    const auto walk = [](Step* step) { static_cast<StepOf<Backward>*>(step)->backward(); };
    last_ = new (place) StepOf<Backward>{{last_, walk}, backward};
  }
  // A call that turns x into y in place.
  template <class Forward, class Backward>
  void in_place(Rows x, Forward forward, Backward backward);
  // The same of one that turns each element by itself; backward(x, y, the gradient to y, which becomes that to x).
  void pointwise(Rows x, void (*forward)(Rows), void (*backward)(Rows, Rows, Rows));
  template <class Wkv, class Backward>
  void recur(const LayerInput& in, uint64_t scratch_floats, Wkv wkv, Backward backward);

  const Learned& learned_;
  float* memory_ = nullptr;
  uint64_t distance_ = 0, used_ = 0;  // floats
  std::span<State> state_gradients_ = {};
  Arena* arena_ = nullptr;
  bool records_ = true;
  Step* last_ = nullptr;
  Kept kept_ = Kept::kNone;
  float* products_ = nullptr;                     // of the next one
  uint64_t arena_bytes_ = 0, scratch_bytes_ = 0;  // counted; the most of a call
  TapeBytes most_ = {};
};

}  // namespace rwkv
