// The arithmetic of the model: each function is one equation over rows. Letters as in src/README.md:
// R rows, C channels, H heads, N head size (C = H N), K and M the columns and rows of a weight matrix.
// Results do not depend on R: a row computed among others is bit for bit the row computed alone.
#pragma once

#include <span>

#include "quant/matrix.h"
#include "tensor.h"

namespace rwkv {

using Vector = std::vector<float>;

// Weight and bias of a normalisation, (C) each.
struct Norm {
  Vector weight, bias;
};

// ---- matmul.cpp ----

// y = W x for each of R rows. W (M, K), x (R, K), y (R, M). REQUIRES: x and y apart.
// q8 and q4 weights take x as 8-bit integers with a scale for each 32: exact integer sums in a block. Which
// kernels compute them is a matter of speed alone (choice.h); matmul.h has the same in parts, for threads.
void matmul(const Matrix& W, Rows x, Rows y, Arena& arena);

// y = x E for each of R rows with a matrix of its own. x (R, K), E (R, K M) as [row][k][m], y (R, M).
// REQUIRES: y apart.
void matmul_each(Rows x, Rows E, Rows y);
void add_matmul_each(Rows x, Rows E, Rows y);  // y += x E

// ---- pointwise.cpp: outputs may be inputs ----

// out = x + (prev - x) mu. x, prev, out (R, C), mu (C).
void lerp(Rows x, Rows prev, const Vector& mu, Rows out);
void lerp(Rows x, Rows prev, Rows mu, Rows out);       // the same with mu (R, C)
void add(Rows x, Rows out);                            // out += x
void add(const Vector& bias, Rows out);                // out += bias, (C) to each row
void multiply(Rows x, Rows out);                       // out *= x
void multiply(Rows x, const Vector& scale, Rows out);  // out = x scale, (C) to each row
void sigmoid(Rows x);                                  // x = 1 / (1 + e^-x); absolute error 2e-7
void tanh(Rows x);                                     // absolute error 3e-7
void silu(Rows x);                                     // x = x / (1 + e^-x)
void relu_squared(Rows x);                             // x = max(x, 0)^2
void decay6(Rows x);                                   // x = e^(-e^x)
void decay7(Rows x);                                   // x = e^(-e^(-1/2) sigmoid(x))
void scale_key7(Rows a, const Vector& k_a, Rows k);    // k = k (1 + (a - 1) k_a). a, k (R, C), k_a (C)

// ---- norm.cpp ----

// out = (x - mean) / sqrt(variance + eps) weight + bias, over each row. x, out (R, C); out may be x.
void layer_norm(Rows x, const Norm& norm, float eps, Rows out);
// The same over each head of each row.
void group_norm(Rows x, int heads, const Norm& norm, float eps);
// x = x / max(|x|, 1e-12) over each head of each row.
void normalize_heads(Rows x, int heads);

// ---- wkv.cpp: the recurrences over one sequence of T tokens. REQUIRES: y apart from the inputs ----

// RWKV-4, for each channel, in log space so that nothing overflows. k, v, r (already sigmoid), y (T, C);
// state (3, C): aa, bb, pp. With q = max(pp, u + k):
//   y = r (e^(pp-q) aa + e^(u+k-q) v) / (e^(pp-q) bb + e^(u+k-q)); then with q = max(pp + w, k):
//   aa = e^(pp+w-q) aa + e^(k-q) v, bb = e^(pp+w-q) bb + e^(k-q), pp = q.
// w = -exp(time_decay), u = time_first (C).
void wkv4(Rows r, Rows k, Rows v, const Vector& w, const Vector& u, float* state, Rows y);

// In the other versions a head's S (N, N) is kept in blocks of 16 values, what is left of N in blocks of 4,
// as [block][key][value]: a recurrence walks through one block after the other, and memory that is read in
// order comes twice as fast. The place of S[key][value] in there:
inline int state_width(int N, int value) { return value < N / 16 * 16 ? 16 : 4; }  // of its block
inline size_t state_index(int N, int key, int value) {
  const int width = state_width(N, value), first = value / width * width;
  return size_t(first) * N + size_t(key) * width + (value - first);
}

// RWKV-5 and 6, for each head, S as above, state (H, N, N). r, k, v, w, y (T, C), u (C):
//   y = r (u k v^T + S); S = w S + k v^T. w and u act along the key axis.
void wkv6(Rows r, Rows k, Rows v, Rows w, const Vector& u, int heads, float* state, Rows y);

// RWKV-7, S as above. r, w, k, v, kk, a, y (T, C):
//   S = w S - (kk a) (kk S)^T + k v^T; y = r S. w, kk, a, k, r act along the key axis.
void wkv7(Rows r, Rows w, Rows k, Rows v, Rows kk, Rows a, int heads, float* state, Rows y);

// RWKV-7's bonus: y += (sum over the head of r k r_k) v. r, k, v, y (R, C), r_k (C).
void add_bonus(Rows r, Rows k, Rows v, const Vector& r_k, int heads, Rows y);

}  // namespace rwkv
