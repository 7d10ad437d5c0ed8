#include "kernels/matmul.h"

#include <limits>

#include "kernels/kernels.h"
#include "kernels/matmul_table.h"
#include "pool.h"
#include "simd.h"

namespace rwkv {
namespace {

// So many bytes of groups meet all tiles of x before the next ones: they stay in the nearest caches. (16 KB
// are 1 % slower, 4 KB 4 %.)
constexpr size_t kChunkBytes = 48 << 10;
// So many bytes of activations meet all groups before the next ones: they stay in the second cache.
constexpr size_t kPanelBytes = 192 << 10;

// What the pool is told of a weight times an activation, and of preparing an activation.
constexpr double kNsOfProduct = 0.03, kNsOfActivation = 1;

}  // namespace

void matmul_groups(const Matrix& W, const Activations& x, Rows y, int first, int last) {
  assert(x.format == W.format && x.width == W.cols && y.width == W.rows && x.count == y.count);
  assert(0 <= first && last <= group_count(W));
  const Groups groups{W.data.as<std::byte>(), W.group_bytes(), W.rows, W.cols};
  const TileKernels& kernels = kernels_of(x.format).of(x.form());
  const auto run = [&](int tile, int rows, int streams, int from, int count) {
    const TileKernel kernel = kernels.of(x.are_panels() ? 1 : streams, x.width_of(tile));
    if (count > 0)
      kernel({groups, x.tile(tile), y.row(tile * kTileRows), y.width, from, count, rows, streams});
  };
  const int tiles = x.tiles(), fitting = int(std::max(kPanelBytes / (kTileRows * x.row_bytes()), size_t{1}));
  if (x.are_panels()) {
    const int panel = std::min(fitting, kPanelRows / kTileRows);
    for (int tile = 0; tile < tiles; tile += panel) {
      const int filled = std::min(tiles - tile, panel) * kTileRows;
      // Few rows are little work for what is read: more streams of it come at once.
      const int rows = std::min(x.count - tile * kTileRows, filled), count = last - first,
                streams = std::clamp(count, 1, std::min(kPanelRows / filled, kPanelStreams)),
                odd = count % streams;
      run(tile, rows, streams, first, count - odd);
      run(tile, rows, odd, last - odd, odd);
    }
  } else {
    const int streams = x.count == 1 ? x.choice.streams : 1;
    const int chunk = tiles == 1 ? last - first : int(std::max(kChunkBytes / groups.bytes, size_t{1}));
    for (int first_tile = 0; first_tile < tiles; first_tile += fitting)
      for (int group = first; group < last; group += chunk) {
        const int count = std::min(chunk, last - group), odd = count % streams;
        for (int tile = first_tile; tile < std::min(first_tile + fitting, tiles); ++tile) {
          run(tile, x.rows_of(tile), streams, group, count - odd);
          run(tile, x.rows_of(tile), 1, group + count - odd, odd);
        }
      }
  }
  if (W.is_spoilt && *W.is_spoilt)
    for (int r = 0; r < y.count; ++r) {
      RWKV_UNROLL(1)
      for (int m = first * kGroup; m < std::min(last * kGroup, W.rows); ++m)
        y.row(r)[m] = std::numeric_limits<float>::quiet_NaN();
    }
}

void matmul(const Matrix& W, Rows x, Rows y, Arena& arena) {
  const int tried = try_choices(W, x, y, arena), groups = group_count(W) - tried;
  if (groups == 0) return;
  const ArenaScope scope(arena);
  const Activations activations = make_activations(W, x.count, arena, current_choice(W.format));
  pool.run(activations.tiles(), kNsOfActivation * kTileRows * x.width,
           [=](int first, int last) { fill_tiles(activations, x, first, last); });
  // Two groups at a time: 16 floats of y are a cache line, which no two threads write.
  pool.run((groups + 1) / 2, kNsOfProduct * 2 * kGroup * W.cols * x.count, [=, &W](int first, int last) {
    matmul_groups(W, activations, y, tried + 2 * first, tried + std::min(2 * last, groups));
  });
}

void matmul_each(Rows x, Rows E, Rows y) {
  std::fill_n(y.data, y.size(), 0.0f);
  add_matmul_each(x, E, y);
}

[[gnu::noinline]] void add_matmul_each(Rows x, Rows E, Rows y) {
  assert(E.width == x.width * y.width && x.count == E.count && y.count == E.count);
  for (int r = 0; r < x.count; ++r)
    for (int k = 0; k < x.width; ++k) {
      const f32x4 x_k = splat(x.row(r)[k]);
      map(y.width, y.row(r), {E.row(r) + size_t(k) * y.width, y.row(r)},
          [&](f32x4 e, f32x4 sum) { return madd(e, x_k, sum); });
    }
}

}  // namespace rwkv
