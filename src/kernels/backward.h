// The backward of each kernel of kernels.h: from the gradient of a loss to what a kernel gave, the gradient to
// what it took. dx is the gradient to x, in x's shape. Gradients are added to (dx += ...), but for those of
// kernels that work in place: there dx is turned into the gradient to what x was. A gradient to a weight may
// be nullptr: nobody learns it. Sums over rows are taken in the order of the rows, on any number of threads.
#pragma once

#include <algorithm>

#include "kernels/kernels.h"
#include "kernels/matmul_transposed.h"

namespace rwkv {

// ---- matmul_backward.cpp ----

// A matrix that is read by steps: element (i, j) is data[i row + j column].
struct Strided {
  const float* data;
  size_t row, column;

  const float* at(int i, int j) const { return data + size_t(i) * row + size_t(j) * column; }
};
// C += A B. A (I, S), B (S, J), C (I, J). Takes kProductFloats of the arena.
void add_product(Strided A, Rows B, Rows C, Arena& arena);
constexpr uint64_t kProductFloats = 516 * 128;

// y = W x: dx += W^T dy. dy (R, M), dx (R, K). Of q8 and q4 weights those that they stand for, dy rounded to 8 bits
// (matmul_transposed.h).
void matmul_backward(const Matrix& W, Rows dy, Rows dx, Arena& arena);
constexpr int kPanelGroups = 16;  // of 8 rows of W, unpacked at a time
// What it takes of the arena.
constexpr uint64_t matmul_backward_floats(int K) {
  return std::max(uint64_t(kPanelGroups * kGroup) * uint64_t(K) + kProductFloats, kTransposedFloats);
}
// y = W x: dW += dy^T x, (M, K) row by row; transposed: (K, M).
void matmul_weight_backward(Rows dy, Rows x, bool transposed, float* dW, Arena& arena);
// y = x E: dx += dy E^T, dE += x^T dy, of each row. E as in matmul_each.
void matmul_each_backward(Rows x, Rows E, Rows dy, Rows dx, Rows dE);

// ---- pointwise_backward.cpp ----

// out = x + (prev - x) mu: dx += (1 - mu) dout, dprev += mu dout, dmu += (prev - x) dout.
void lerp_backward(Rows x, Rows prev, const Vector& mu, Rows dout, Rows dx, Rows dprev, float* dmu);
void lerp_backward(Rows x, Rows prev, Rows mu, Rows dout, Rows dx, Rows dprev, Rows dmu);
// out += bias: dbias += the sum of the rows of dout. (C)
void add_backward(Rows dout, float* dbias);
// out *= x, `before` what out was: dx += before dout; dout = x dout.
void multiply_backward(Rows x, Rows before, Rows dout, Rows dx);
// out = x scale: dx += scale dout, dscale += x dout.
void multiply_backward(Rows x, const Vector& scale, Rows dout, Rows dx, float* dscale);
// In place; y is what came of x.
void sigmoid_backward(Rows x, Rows y, Rows dx);       // dx *= y (1 - y)
void tanh_backward(Rows x, Rows y, Rows dx);          // dx *= 1 - y^2
void silu_backward(Rows x, Rows y, Rows dx);          // dx *= s + y (1 - s), s = sigmoid(x)
void relu_squared_backward(Rows x, Rows y, Rows dx);  // dx *= 2 max(x, 0)
void decay6_backward(Rows x, Rows y, Rows dx);        // dx *= -e^x y
void decay7_backward(Rows x, Rows y, Rows dx);        // dx *= -e^(-1/2) s (1 - s) y, s = sigmoid(x)
// k' = k (1 + (a - 1) k_a), `before` is k: da += k k_a dk', dk_a += k (a - 1) dk'; dk = (1 + (a - 1) k_a) dk'.
void scale_key7_backward(Rows a, const Vector& k_a, Rows before, Rows da, float* dk_a, Rows dk);

// ---- norm_backward.cpp ----

// y = n weight + bias, n = (x - mean) / sqrt(variance + eps), over each of `parts` parts of a row: layer_norm
// has one, group_norm a part for each head.
//   dx += (g - mean(g) - n mean(g n)) / sqrt(variance + eps), g = weight dy; dweight += n dy; dbias += dy.
void norm_backward(Rows x, int parts, const Norm& norm, float eps, Rows dy, Rows dx, float* dweight,
                   float* dbias);
// In place, y = x / max(|x|, 1e-12): dx = (dy - y (y dy)) / |x|.
void normalize_heads_backward(Rows x, Rows y, int heads, Rows dx);

// ---- wkv_backward.cpp: `state` is the recurrence's before the T tokens; dstate the gradient to its state
// after them, and then to that before them. w, u as in kernels.h ----

// What wkv6_backward and wkv7_backward take of the arena, a block of the state every few tokens; wkv4_backward
// takes 3 T C.
uint64_t wkv_backward_floats(int T, int C, int N);

// Any q gives the same y, so q is held constant: with e1 = e^(pp-q), e2 = e^(u+k-q), n = e1 aa + e2 v,
// d = e1 bb + e2, f1 = e^(pp+w-q'), f2 = e^(k-q'), and daa, dbb to the state after the token
//   dr += dy n / d; dn = r dy / d, dd = -dn n / d; dv += e2 dn + f2 daa; du += e2 (v dn + dd);
//   dk += e2 (v dn + dd) + f2 (v daa + dbb); dw += f1 (aa daa + bb dbb);
//   daa = e1 dn + f1 daa, dbb = e1 dd + f1 dbb; in the end dpp = aa daa + bb dbb of the state before all.
void wkv4_backward(Rows r, Rows k, Rows v, const Vector& w, const Vector& u, const float* state, Rows dy,
                   Rows dr, Rows dk, Rows dv, float* dw, float* du, float* dstate, Arena& arena);

// With dS to the state after the token and g = sum over values of v dy
//   dr += u k g + S dy; dk += dS v + r u g; dv += dS^T k + (sum of r u k) dy; dw += the rows' sums of dS S;
//   du += r k g; dS = w dS + r dy^T.
void wkv6_backward(Rows r, Rows k, Rows v, Rows w, const Vector& u, int heads, const float* state, Rows dy,
                   Rows dr, Rows dk, Rows dv, Rows dw, float* du, float* dstate, Arena& arena);

// b = -kk a, m = kk S. With dS to the state S' after the token, first dS += r dy^T; then
//   dr += S' dy; dk += dS v; dv += dS^T k; db = dS m; dw += the rows' sums of dS S; dm = dS^T b;
//   dkk += S dm - a db; da += -kk db; dS = w dS + kk dm^T.
void wkv7_backward(Rows r, Rows w, Rows k, Rows v, Rows kk, Rows a, int heads, const float* state, Rows dy,
                   Rows dr, Rows dw, Rows dk, Rows dv, Rows dkk, Rows da, float* dstate, Arena& arena);

// With b the sum over the head of r k r_k and g that of v dy
//   dv += b dy; dr += k r_k g; dk += r r_k g; dr_k += r k g.
void add_bonus_backward(Rows r, Rows k, Rows v, const Vector& r_k, int heads, Rows dy, Rows dr, Rows dk,
                        Rows dv, float* dr_k);

// ---- cross_entropy.cpp ----

// The sum over rows of weight -ln softmax(logits)[target], (R) each; the logits (R, V) become their own
// gradient: weight (softmax(logits) - [target]). Rows of weight 0 have none.
double cross_entropy(Rows logits, std::span<const int32_t> targets, std::span<const float> weights);

}  // namespace rwkv
