// Products with packed weights in parts: what a pool of threads shares out. (kernels.h has them in one call.)
#pragma once

#include <algorithm>

#include "kernels/choice.h"
#include "quant/matrix.h"
#include "tensor.h"

namespace rwkv {

constexpr int kTileRows = 4;  // rows of x that meet a weight while it is in registers

// Rows of x as a matrix's kernels want them, in tiles of kTileRows rows, the last tile of as many as are
// left, or of panels (matmul_table.h) with more than one filled up with zeros. In a tile the rows T lie side by
// side, so that the kernels read forwards from one pointer:
//   f32, f16  for each k: T floats; of f16 times kHalfInput (matmul_table.h)
//   q8, q4    for each block of 32 columns: T float scales, then T words `start`, then for each quad of
//             columns T times 4 int8 (kDot: T times 2 pairs of int16: bytes 0 and 2, bytes 1 and 3; kFused
//             of q4: for each two quads T times 8 int8, 4 of the first 16 columns, 4 of the others)
// x = scale q, q in -127..127. Sums of products start at `start`, which takes back the offset of the weights'
// levels: an int32, -64 times the sum of the block's q, for q8; two int16, -8 times the sums of the q of both
// parts of 16 columns, for q4. Of a block with infinity or NaN the scale is NaN and q are 0.
struct Activations {
  std::byte* data;
  Quantization format;
  Choice choice;
  int count, width;  // R, K

  int tiles() const { return (count + kTileRows - 1) / kTileRows; }
  int rows_of(int tile) const { return std::min(count - tile * kTileRows, kTileRows); }
  int width_of(int tile) const { return is_filled_up() ? kTileRows : rows_of(tile); }  // T
  Form form() const;  // choice.row for one row, and for a few that the form of many has no kernels for
  bool are_panels() const;
  bool is_filled_up() const { return count > kTileRows && are_panels(); }
  size_t row_bytes() const;  // of one row in a tile
  std::byte* tile(int i) const { return data + size_t(i) * kTileRows * row_bytes(); }
};

// Memory for R rows that will meet W, without content.
Activations make_activations(const Matrix& W, int count, Arena& arena, const Choice& choice);
// Fills the tiles [first, last) from x. REQUIRES: x as tall and wide as the activations were made for.
void fill_tiles(const Activations& activations, Rows x, int first, int last);

// y = W x for the groups [first, last) of 8 rows of W: the columns [8 first, 8 last) of y (R, M). Calls for
// different groups may run at the same time.
void matmul_groups(const Matrix& W, const Activations& x, Rows y, int first, int last);

// y = W x for the first groups of a large W, each piece by another choice, the clock beside them: after some
// products the fastest is the current one. How many groups: 0 unless it is time to look. REQUIRES: no other product
// is under way.
int try_choices(const Matrix& W, Rows x, Rows y, Arena& arena);

inline int group_count(const Matrix& W) { return (W.rows + kGroup - 1) / kGroup; }

}  // namespace rwkv
