#include "kernels/kernels.h"
#include "kernels/wkv_blocks.h"
#include "pool.h"

namespace rwkv {
namespace {

// What the pool is told of a channel, for each token.
constexpr double kNsOfChannel = 3;

}  // namespace

void wkv4(Rows r, Rows k, Rows v, const Vector& w, const Vector& u, float* state, Rows y) {
  const int C = r.width;
  float *aa = state, *bb = state + C, *pp = state + 2 * C;
  const auto channels = [=, &w, &u](int first, int last) {
    const Exp exp;
    for (int t = 0; t < r.count; ++t)
      for (int c = first; c < last; c += kLanes) {
        const int n = std::min(C - c, kLanes);
        const auto at = [&](const float* p) { return load_part(p + c, n); };
        const f32x4 kt = at(k.row(t)), vt = at(v.row(t)), a = at(aa), b = at(bb), p = at(pp);

        const f32x4 uk = at(u.data()) + kt, q = xsimd::max(p, uk);
        const f32x4 e1 = exp(p - q), e2 = exp(uk - q);
        store_part(y.row(t) + c, at(r.row(t)) * (e1 * a + e2 * vt) / (e1 * b + e2), n);

        const f32x4 wp = at(w.data()) + p, q2 = xsimd::max(wp, kt);
        const f32x4 d1 = exp(wp - q2), d2 = exp(kt - q2);
        store_part(aa + c, d1 * a + d2 * vt, n);
        store_part(bb + c, d1 * b + d2, n);
        store_part(pp + c, q2, n);
      }
  };
  pool.run((C + kLanes - 1) / kLanes, kNsOfChannel * kLanes * r.count,
           [=](int first, int last) { channels(first * kLanes, std::min(last * kLanes, C)); });
}

namespace {

// Calls f(t, h) for each head's first channel h and each of T tokens, of a head in order.
template <class F>
void over_heads(int T, int C, int N, F f) {
  pool.run(C / N, kNsOfElement * N * N * T, [=](int first, int last) {
    for (int t = 0; t < T; ++t)
      for (int h = first * N; h < last * N; h += N) f(t, h);
  });
}

}  // namespace

void wkv6(Rows r, Rows k, Rows v, Rows w, const Vector& u, int heads, float* state, Rows y) {
  const int C = r.width, N = C / heads;
  assert(N % kLanes == 0);
  over_heads(r.count, C, N, [=, &u](int t, int h) {
    over_blocks(N, [&]<int W>(int j) {
      float* S = state + size_t(h + j) * N;
      const float *rt = r.row(t) + h, *kt = k.row(t) + h, *wt = w.row(t) + h, *ut = u.data() + h;
      f32x4 vj[W], sum[W];
      for (int i = 0; i < W; ++i) vj[i] = load(v.row(t) + h + j + i * kLanes), sum[i] = splat(0);
      for (int key = 0; key < N; ++key) {
        const f32x4 r_k = splat(rt[key]), k_k = splat(kt[key]), w_k = splat(wt[key]), u_k = splat(ut[key]);
        for (int i = 0; i < W; ++i, S += kLanes) {
          const f32x4 kv = k_k * vj[i], s = load(S);
          sum[i] = madd(r_k, madd(u_k, kv, s), sum[i]);
          store(S, madd(w_k, s, kv));
        }
      }
      for (int i = 0; i < W; ++i) store(y.row(t) + h + j + i * kLanes, sum[i]);
    });
  });
}

// With b = -kk a, new S = w S + b (kk S)^T + k v^T, so that y = r S = (r w) S + (r b) (kk S) + (r k) v: both
// products with the old S are summed in one walk through it, and the walk that writes it keeps fewer
// registers.
void wkv7(Rows r, Rows w, Rows k, Rows v, Rows kk, Rows a, int heads, float* state, Rows y) {
  const int C = r.width, N = C / heads;
  assert(N % kLanes == 0);
  over_heads(r.count, C, N, [=](int t, int h) {
    const float *rt = r.row(t) + h, *wt = w.row(t) + h, *kt = k.row(t) + h, *at = a.row(t) + h,
                *kkt = kk.row(t) + h;
    const f32x4 r_k = splat(sum_of(N, {rt, kt}, [](f32x4 r, f32x4 k) { return r * k; }));
    const f32x4 r_b = splat(-sum_of(N, {rt, kkt, at}, [](f32x4 r, f32x4 kk, f32x4 a) { return r * kk * a; }));
    over_blocks(N, [&]<int W>(int j) {
      float* S = state + size_t(h + j) * N;
      f32x4 vj[W], removed[W], kept[W];  // v, kk S, (r w) S
      for (int i = 0; i < W; ++i) removed[i] = kept[i] = splat(0);
      for (int key = 0; key < N; ++key) {
        const f32x4 kk_k = splat(kkt[key]), rw_k = splat(rt[key] * wt[key]);
        for (int i = 0; i < W; ++i) {
          const f32x4 s = load(S + (key * W + i) * kLanes);
          removed[i] = madd(kk_k, s, removed[i]);
          kept[i] = madd(rw_k, s, kept[i]);
        }
      }
      for (int i = 0; i < W; ++i) {
        vj[i] = load(v.row(t) + h + j + i * kLanes);
        store(y.row(t) + h + j + i * kLanes, madd(r_b, removed[i], madd(r_k, vj[i], kept[i])));
      }
      for (int key = 0; key < N; ++key) {
        const f32x4 w_k = splat(wt[key]), k_k = splat(kt[key]), b_k = splat(-kkt[key] * at[key]);
        for (int i = 0; i < W; ++i) {
          float* s = S + (key * W + i) * kLanes;
          store(s, madd(w_k, load(s), madd(b_k, removed[i], k_k * vj[i])));
        }
      }
    });
  });
}

void add_bonus(Rows r, Rows k, Rows v, const Vector& r_k, int heads, Rows y) {
  const int C = r.width, N = C / heads;
  for (int t = 0; t < r.count; ++t)
    for (int h = 0; h < C; h += N) {
      const float *rt = r.row(t) + h, *kt = k.row(t) + h, *vt = v.row(t) + h;
      float* yt = y.row(t) + h;
      const float bonus =
          sum_of(N, {rt, kt, r_k.data() + h}, [](f32x4 r, f32x4 k, f32x4 r_k) { return r * k * r_k; });
      map(N, yt, {yt, vt}, [bonus = splat(bonus)](f32x4 y, f32x4 v) { return madd(bonus, v, y); });
    }
}

}  // namespace rwkv
