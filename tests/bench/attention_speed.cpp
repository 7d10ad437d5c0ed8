// What RWKV is compared with: a token of a Transformer of the same size, out of our own kernels. Its matrices are
// those of a layer of RWKV but for the low-rank ones: query, key, value, output (C, C), and up and down (4 C, C).
// Keys and values of all tokens before it are kept as halves, in heads of 64.
//   attention_speed LAYERS C V FORMAT TURNS POSITION...
// writes lines of a position and its milliseconds, once a turn: positions take turns, so that whatever else the
// machine does slows all of them.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "bench/stopwatch.h"
#include "kernels/kernels.h"
#include "kernels/matmul.h"
#include "reference.h"
#include "simd.h"

using namespace rwkv;

namespace {

constexpr int kHead = 64, kVectors = kHead / 8;  // values of a head; vectors of 8 halves that hold them
constexpr size_t kHeadBytes = kHead * sizeof(uint16_t);

Matrix random_matrix(Quantization format, int rows, int cols) {
  Matrix matrix = make_matrix(format, rows, cols);
  if (matrix.empty()) std::fputs("not enough memory\n", stderr), std::exit(1);
  const auto values = reference::random_floats(size_t(kGroup) * cols, -0.05f, 0.05f, unsigned(rows + cols));
  for (int group = 0; group < group_count(matrix); ++group) pack_group(matrix, group, values.data());
  return matrix;
}

// The halves of one head at every position, (positions, 64), in the order of load_scaled_halves.
class HeadCache {
 public:
  explicit HeadCache(size_t positions) : memory_(positions * kHeadBytes) {
    if (positions && memory_.bytes() == 0) std::fputs("not enough memory\n", stderr), std::exit(1);
    const auto values = reference::random_floats(kHead, -1, 1, 3);
    for (size_t at = 0; at < positions; ++at) put(at, values.data());
  }
  const std::byte* at(size_t position) const { return memory_.as<std::byte>() + position * kHeadBytes; }
  void put(size_t position, const float* values) {
    auto* to = reinterpret_cast<int32_t*>(memory_.as<std::byte>() + position * kHeadBytes);
    for (int i = 0; i < kHead; i += 8, to += kLanes)
      (to_half(load(values + i)) | to_half(load(values + i + kLanes)) << 16).store_unaligned(to);
  }

 private:
  Buffer memory_;
};

// y = the sum over positions p <= at of softmax(q k_p / 8) v_p. q, y (64); scores: scratch. Positions are a
// multiple of 4.
void attend(const HeadCache& keys, const HeadCache& values, size_t at, const float* q, float* y,
            float* scores) {
  const i32x4 mask = splat_from_memory(kHalfMask);
  F32x8 query[kVectors];
  for (int i = 0; i < kVectors; ++i)
    query[i] = {load(q + 8 * i) * splat(kHalfScale / 8), load(q + 8 * i + kLanes) * splat(kHalfScale / 8)};
  f32x4 most = splat(-INFINITY);
  for (size_t p = 0; p <= at; p += kLanes) {
    f32x4 products[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      f32x4 low = splat(0), high = splat(0);
      for (int i = 0; i < kVectors; ++i) {
        const F32x8 k = load_scaled_halves(keys.at(p + size_t(lane)) + 16 * i, mask);
        low = madd(k.low, query[i].low, low), high = madd(k.high, query[i].high, high);
      }
      products[lane] = low + high;
    }
    transpose(products);
    const f32x4 four = (products[0] + products[1]) + (products[2] + products[3]);
    store(scores + p, four), most = xsimd::max(most, four);
  }
  const float largest = xsimd::reduce_max(most);
  const Exp exp;
  map(int(at + 1), scores, {scores}, [&](f32x4 score) { return exp(score - splat(largest)); });
  const float total = sum_of(int(at + 1), {scores}, [](f32x4 weight) { return weight; });
  for (int half = 0; half < 2; ++half) {  // of the head: 8 sums stay in registers
    F32x8 sums[kVectors / 2] = {};
    for (auto& s : sums) s = {splat(0), splat(0)};
    for (size_t p = 0; p <= at; ++p) {
      const f32x4 weight = splat_float(scores + p);
      for (int i = 0; i < kVectors / 2; ++i) {
        const F32x8 v = load_scaled_halves(values.at(p) + half * kHeadBytes / 2 + 16 * i, mask);
        sums[i] = {madd(v.low, weight, sums[i].low), madd(v.high, weight, sums[i].high)};
      }
    }
    for (int i = 0; i < kVectors / 2; ++i) {
      float* out = y + half * kHead / 2 + 8 * i;
      store(out, sums[i].low * splat(kHalfScale / total));
      store(out + kLanes, sums[i].high * splat(kHalfScale / total));
    }
  }
}

struct Layer {
  Matrix query, key, value, output, up, down;
  std::vector<HeadCache> keys, values;  // of each head
};

class Transformer {
 public:
  Transformer(int layers, int C, int V, Quantization format, size_t positions)
      : norm_{Vector(size_t(C), 1.0f), Vector(size_t(C), 0.0f)},
        head_(random_matrix(format, V, C)),
        stream_(arena_.rows(1, C)),
        scores_(positions) {
    const auto matrix = [&](int rows, int cols) { return random_matrix(format, rows, cols); };
    for (int i = 0; i < layers; ++i) {
      layers_.push_back({matrix(C, C),
                         matrix(C, C),
                         matrix(C, C),
                         matrix(C, C),
                         matrix(4 * C, C),
                         matrix(C, 4 * C),
                         {},
                         {}});
      for (int head = 0; head < C / kHead; ++head)
        layers_.back().keys.emplace_back(positions), layers_.back().values.emplace_back(positions);
    }
  }

  // The token behind `at` others.
  void forward(size_t at) {
    const ArenaScope scope(arena_);
    const int C = stream_.width;
    for (int i = 0; i < C; ++i) stream_.data[i] = float(i % 7) - 3;
    const Rows x = arena_.rows(1, C), q = arena_.rows(1, C), k = arena_.rows(1, C), v = arena_.rows(1, C);
    const Rows hidden = arena_.rows(1, 4 * C);
    for (Layer& layer : layers_) {
      layer_norm(stream_, norm_, 1e-5f, x);
      matmul(layer.query, x, q, arena_), matmul(layer.key, x, k, arena_), matmul(layer.value, x, v, arena_);
      for (size_t head = 0; head < layer.keys.size(); ++head) {
        const size_t first = head * kHead;
        layer.keys[head].put(at, k.data + first), layer.values[head].put(at, v.data + first);
        attend(layer.keys[head], layer.values[head], at, q.data + first, x.data + first, scores_.data());
      }
      matmul(layer.output, x, q, arena_), add(q, stream_);
      layer_norm(stream_, norm_, 1e-5f, x);
      matmul(layer.up, x, hidden, arena_), relu_squared(hidden);
      matmul(layer.down, hidden, q, arena_), add(q, stream_);
    }
    layer_norm(stream_, norm_, 1e-5f, x);
    matmul(head_, x, arena_.rows(1, head_.rows), arena_);
  }

 private:
  Arena arena_;
  Norm norm_;
  Matrix head_;
  Rows stream_;
  std::vector<float> scores_;
  std::vector<Layer> layers_;
};

}  // namespace

int main(int argc, char** argv) {
  const auto format = argc > 6 ? find_quantization(argv[4]) : std::nullopt;
  const int layers = format ? std::atoi(argv[1]) : 0, C = format ? std::atoi(argv[2]) : 0;
  if (layers < 1 || C < kHead || C % kHead)
    return std::fputs("attention_speed LAYERS C V FORMAT TURNS POSITION...\n", stderr), 2;
  std::vector<size_t> positions;
  for (int i = 6; i < argc; ++i) positions.push_back(size_t(std::max(std::atoi(argv[i]), 0)));
  const size_t last = *std::max_element(positions.begin(), positions.end());
  Transformer model(layers, C, std::max(std::atoi(argv[3]), 1), *format, last / kLanes * kLanes + kLanes);
  const auto forward = hidden(+[](Transformer* m, size_t at) { m->forward(at); });
  for (int turn = -1; turn < std::atoi(argv[5]); ++turn)  // the first one warms up, and finds the kernels
    for (const size_t at : positions) {
      const Seconds seconds = time_of(1, [&](int) { forward(&model, at); });
      if (turn >= 0) std::printf("%zu %.4f\n", at, 1e3 * seconds.median);
    }
}
