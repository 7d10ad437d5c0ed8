#include <algorithm>

#include "kernels/backward.h"
#include "kernels/wkv_blocks.h"
#include "pool.h"

namespace rwkv {
namespace {

constexpr int kEvery = 16;  // tokens between the states that are kept: those between are computed again
constexpr double kNsOfChannel = 12, kNsOfBonus = 2;

// Walks through a head's state block by block, forwards and then back. step<W>(t, h, j, S) moves a block on by
// a token, back<W>(t, h, j, before, after, D) turns the gradient D to the state after a token into that to the
// state before it. h is the head's first channel.
template <class Step, class Back>
void walk_back(int T, int C, int N, const float* state, float* dstate, Arena& arena, Step step, Back back) {
  const ArenaScope scope(arena);
  const int checkpoints = (T + kEvery - 1) / kEvery;
  const auto per_head = size_t(wkv_backward_floats(T, C, N)) / size_t(C / N);
  float* const scratch = arena.floats(per_head * size_t(C / N));
  pool.run(C / N, 5 * kNsOfElement * N * N * T, [=](int first, int last) {
    for (int head = first; head < last; ++head)
      over_blocks(N, [&]<int W>(int j) {
        const int h = head * N;
        const size_t block = size_t(N) * W * kLanes, at = size_t(h + j) * N;
        float *kept = scratch + size_t(head) * per_head, *states = kept + block * size_t(checkpoints);
        std::copy_n(state + at, block, states);
        for (int t = 0; t < T; ++t) {
          if (t % kEvery == 0) std::copy_n(states, block, kept + block * size_t(t / kEvery));
          step.template operator()<W>(t, h, j, states);
        }
        for (int c = checkpoints - 1; c >= 0; --c) {
          const int from = c * kEvery, count = std::min(kEvery, T - from);
          std::copy_n(kept + block * size_t(c), block, states);
          for (int i = 0; i < count; ++i) {
            float* next = states + block * size_t(i + 1);
            std::copy_n(states + block * size_t(i), block, next);
            step.template operator()<W>(from + i, h, j, next);
          }
          for (int i = count - 1; i >= 0; --i)
            back.template operator()<W>(from + i, h, j, states + block * size_t(i),
                                        states + block * size_t(i + 1), dstate + at);
        }
      });
  });
}

// The sums of each of four vectors.
f32x4 sums(f32x4 (&v)[kLanes]) {
  transpose(v);
  return (v[0] + v[1]) + (v[2] + v[3]);
}

void add_to(float* p, f32x4 v) { store(p, load(p) + v); }

template <int W>
void load_values(const float* p, f32x4 (&v)[W]) {
  for (int i = 0; i < W; ++i) v[i] = load(p + i * kLanes);
}

// The sum over i of a[i] b[i], lane by lane.
template <int W>
f32x4 products(const f32x4 (&a)[W], const f32x4 (&b)[W]) {
  f32x4 sum = a[0] * b[0];
  for (int i = 1; i < W; ++i) sum = madd(a[i], b[i], sum);
  return sum;
}

}  // namespace

uint64_t wkv_backward_floats(int T, int C, int N) {
  const int states = (T + kEvery - 1) / kEvery + kEvery + 1;
  return uint64_t(C) * uint64_t(std::min(N, 4 * kLanes)) * uint64_t(states);
}

void wkv4_backward(Rows r, Rows k, Rows v, const Vector& w, const Vector& u, const float* state, Rows dy,
                   Rows dr, Rows dk, Rows dv, float* dw, float* du, float* dstate, Arena& arena) {
  const ArenaScope scope(arena);
  const int T = r.count, C = r.width;
  const Rows aa = arena.rows(T, C), bb = arena.rows(T, C), pp = arena.rows(T, C);  // before each token
  const auto channels = [=, &w, &u](int c) {
    const Exp exp;
    const int n = std::min(C - c, kLanes);
    const auto at = [&](const float* p) { return load_part(p + c, n); };
    const auto add = [&](float* p, f32x4 x) { store_part(p + c, at(p) + x, n); };
    const f32x4 wc = at(w.data()), uc = at(u.data());
    f32x4 a = at(state), b = at(state + C), p = at(state + 2 * C);
    for (int t = 0; t < T; ++t) {
      store_part(aa.row(t) + c, a, n), store_part(bb.row(t) + c, b, n), store_part(pp.row(t) + c, p, n);
      const f32x4 kt = at(k.row(t)), q = xsimd::max(wc + p, kt), f1 = exp(wc + p - q), f2 = exp(kt - q);
      a = f1 * a + f2 * at(v.row(t)), b = f1 * b + f2, p = q;
    }
    // The last pp is such a q too: what a gradient to it says, those to aa and bb say already.
    f32x4 da = at(dstate), db = at(dstate + C), dw_sum = splat(0), du_sum = splat(0);
    for (int t = T - 1; t >= 0; --t) {
      a = at(aa.row(t)), b = at(bb.row(t)), p = at(pp.row(t));
      const f32x4 kt = at(k.row(t)), vt = at(v.row(t)), rt = at(r.row(t)), d = at(dy.row(t));
      const f32x4 q = xsimd::max(p, uc + kt), e1 = exp(p - q), e2 = exp(uc + kt - q);
      const f32x4 q2 = xsimd::max(wc + p, kt), f1 = exp(wc + p - q2), f2 = exp(kt - q2);
      // Lanes beyond the last channel divide by 2, and add nothing.
      const f32x4 below = e1 * b + e2, y = (e1 * a + e2 * vt) / below;
      const f32x4 dn = rt * d / below, dd = -(dn * y);
      const f32x4 de2 = e2 * (vt * dn + dd), df1 = f1 * (a * da + b * db);
      add(dr.row(t), d * y);
      add(dv.row(t), e2 * dn + f2 * da);
      add(dk.row(t), de2 + f2 * (vt * da + db));
      du_sum = du_sum + de2, dw_sum = dw_sum + df1;
      da = e1 * dn + f1 * da, db = e1 * dd + f1 * db;
    }
    if (dw) add(dw, dw_sum);
    if (du) add(du, du_sum);
    store_part(dstate + c, da, n), store_part(dstate + C + c, db, n);
    store_part(dstate + 2 * C + c, at(state) * da + at(state + C) * db, n);
  };
  pool.run((C + kLanes - 1) / kLanes, kNsOfChannel * kLanes * T, [=](int first, int last) {
    for (int i = first; i < last; ++i) channels(i * kLanes);
  });
}

void wkv6_backward(Rows r, Rows k, Rows v, Rows w, const Vector& u, int heads, const float* state, Rows dy,
                   Rows dr, Rows dk, Rows dv, Rows dw, float* du, float* dstate, Arena& arena) {
  const int C = r.width, N = C / heads;
  const auto step = [=]<int W>(int t, int h, int j, float* S) {
    const float *kt = k.row(t) + h, *wt = w.row(t) + h;
    f32x4 vj[W];
    load_values(v.row(t) + h + j, vj);
    for (int key = 0; key < N; ++key)
      for (int i = 0; i < W; ++i, S += kLanes)
        store(S, madd(splat(wt[key]), load(S), splat(kt[key]) * vj[i]));
  };
  const auto back = [=, &u]<int W>(int t, int h, int j, const float* S, const float*, float* D) {
    const float *rt = r.row(t) + h, *kt = k.row(t) + h, *wt = w.row(t) + h, *ut = u.data() + h;
    f32x4 vj[W], dyj[W], dvj[W];
    load_values(v.row(t) + h + j, vj), load_values(dy.row(t) + h + j, dyj),
        load_values(dv.row(t) + h + j, dvj);
    const f32x4 g = splat(sum(products(vj, dyj)));
    for (int key = 0; key < N; key += kLanes) {
      f32x4 of_r[kLanes], of_k[kLanes], of_w[kLanes];
      for (int lane = 0; lane < kLanes; ++lane, S += W * kLanes, D += W * kLanes) {
        const int i = key + lane;
        const f32x4 k_i = splat(kt[i]), ruk = splat(rt[i] * ut[i] * kt[i]), w_i = splat(wt[i]),
                    r_i = splat(rt[i]);
        f32x4 s[W], d[W];
        load_values(S, s), load_values(D, d);
        of_r[lane] = products(s, dyj), of_k[lane] = products(d, vj), of_w[lane] = products(d, s);
        for (int x = 0; x < W; ++x) {
          dvj[x] = madd(d[x], k_i, madd(ruk, dyj[x], dvj[x]));
          store(D + x * kLanes, madd(w_i, d[x], r_i * dyj[x]));
        }
      }
      const f32x4 r4 = load(rt + key), k4 = load(kt + key), u4 = load(ut + key);
      add_to(dr.row(t) + h + key, madd(u4 * k4, g, sums(of_r)));
      add_to(dk.row(t) + h + key, madd(r4 * u4, g, sums(of_k)));
      add_to(dw.row(t) + h + key, sums(of_w));
      if (du) add_to(du + h + key, r4 * k4 * g);
    }
    for (int i = 0; i < W; ++i) store(dv.row(t) + h + j + i * kLanes, dvj[i]);
  };
  walk_back(r.count, C, N, state, dstate, arena, step, back);
}

void wkv7_backward(Rows r, Rows w, Rows k, Rows v, Rows kk, Rows a, int heads, const float* state, Rows dy,
                   Rows dr, Rows dw, Rows dk, Rows dv, Rows dkk, Rows da, float* dstate, Arena& arena) {
  const int C = r.width, N = C / heads;
  // m = kk S of a block.
  const auto met = [=]<int W>(int t, int h, const float* S, f32x4(&m)[W]) {
    const float* kkt = kk.row(t) + h;
    for (f32x4& sum : m) sum = splat(0);
    for (int key = 0; key < N; ++key)
      for (int i = 0; i < W; ++i, S += kLanes) m[i] = madd(splat(kkt[key]), load(S), m[i]);
  };
  const auto step = [=]<int W>(int t, int h, int j, float* S) {
    const float *wt = w.row(t) + h, *kt = k.row(t) + h, *kkt = kk.row(t) + h, *at = a.row(t) + h;
    f32x4 vj[W], m[W];
    load_values(v.row(t) + h + j, vj);
    met(t, h, S, m);
    for (int key = 0; key < N; ++key) {
      const f32x4 w_k = splat(wt[key]), k_k = splat(kt[key]), b_k = splat(-kkt[key] * at[key]);
      for (int i = 0; i < W; ++i, S += kLanes) store(S, madd(w_k, load(S), madd(b_k, m[i], k_k * vj[i])));
    }
  };
  const auto back = [=]<int W>(int t, int h, int j, const float* S, const float* after, float* D) {
    const float *rt = r.row(t) + h, *wt = w.row(t) + h, *kt = k.row(t) + h, *kkt = kk.row(t) + h,
                *at = a.row(t) + h;
    f32x4 vj[W], dyj[W], dvj[W], m[W], dm[W];
    load_values(v.row(t) + h + j, vj), load_values(dy.row(t) + h + j, dyj),
        load_values(dv.row(t) + h + j, dvj);
    met(t, h, S, m);
    for (f32x4& sum : dm) sum = splat(0);
    for (int key = 0; key < N; ++key) {
      const f32x4 r_k = splat(rt[key]), k_k = splat(kt[key]), b_k = splat(-kkt[key] * at[key]);
      for (int i = 0; i < W; ++i) {
        float* d_place = D + (key * W + i) * kLanes;
        const f32x4 d = madd(r_k, dyj[i], load(d_place));
        store(d_place, d);
        dvj[i] = madd(k_k, d, dvj[i]), dm[i] = madd(b_k, d, dm[i]);
      }
    }
    for (int i = 0; i < W; ++i) store(dv.row(t) + h + j + i * kLanes, dvj[i]);
    for (int key = 0; key < N; key += kLanes) {
      f32x4 of_r[kLanes], of_k[kLanes], of_w[kLanes], of_b[kLanes], of_kk[kLanes];
      for (int lane = 0; lane < kLanes; ++lane, S += W * kLanes, after += W * kLanes, D += W * kLanes) {
        f32x4 s[W], s_after[W], d[W];
        load_values(S, s), load_values(after, s_after), load_values(D, d);
        of_r[lane] = products(s_after, dyj), of_k[lane] = products(d, vj), of_w[lane] = products(d, s);
        of_b[lane] = products(d, m), of_kk[lane] = products(s, dm);
        const f32x4 w_k = splat(wt[key + lane]), kk_k = splat(kkt[key + lane]);
        for (int i = 0; i < W; ++i) store(D + i * kLanes, madd(w_k, d[i], kk_k * dm[i]));
      }
      const f32x4 db = sums(of_b);
      add_to(dr.row(t) + h + key, sums(of_r));
      add_to(dk.row(t) + h + key, sums(of_k));
      add_to(dw.row(t) + h + key, sums(of_w));
      add_to(dkk.row(t) + h + key, sums(of_kk) - load(at + key) * db);
      add_to(da.row(t) + h + key, -(load(kkt + key) * db));
    }
  };
  walk_back(r.count, C, N, state, dstate, arena, step, back);
}

void add_bonus_backward(Rows r, Rows k, Rows v, const Vector& r_k, int heads, Rows dy, Rows dr, Rows dk,
                        Rows dv, float* dr_k) {
  const int C = r.width, N = C / heads;
  pool.run(heads, kNsOfBonus * N * r.count, [=, r_k = r_k.data()](int first, int last) {
    for (int t = 0; t < r.count; ++t)
      for (int h = first * N; h < last * N; h += N) {
        const float *rt = r.row(t) + h, *kt = k.row(t) + h, *weights = r_k + h, *d = dy.row(t) + h;
        float *drt = dr.row(t) + h, *dkt = dk.row(t) + h, *dvt = dv.row(t) + h;
        const f32x4 b =
            splat(sum_of(N, {rt, kt, weights}, [](f32x4 r, f32x4 k, f32x4 w) { return r * k * w; }));
        const f32x4 g = splat(sum_of(N, {v.row(t) + h, d}, [](f32x4 v, f32x4 d) { return v * d; }));
        map(N, dvt, {dvt, d}, [=](f32x4 dv, f32x4 d) { return madd(b, d, dv); });
        map(N, drt, {drt, kt, weights}, [=](f32x4 dr, f32x4 k, f32x4 w) { return madd(k * w, g, dr); });
        map(N, dkt, {dkt, rt, weights}, [=](f32x4 dk, f32x4 r, f32x4 w) { return madd(r * w, g, dk); });
        if (dr_k)
          map(N, dr_k + h, {dr_k + h, rt, kt},
              [=](f32x4 dw, f32x4 r, f32x4 k) { return madd(r * k, g, dw); });
      }
  });
}

}  // namespace rwkv
