// y = W x for each of R rows, W (M, K) in groups of 8 rows, x (R, K), y (R, M): what the forms of it share.

// Four columns of a group: of each the rows 0-3, and the rows 4-7.
struct Quad { low: mat4x4f, high: mat4x4f }

fn bytes_of(word: u32) -> vec4f { return vec4f((vec4u(word) >> vec4u(0, 8, 16, 24)) & vec4u(255)); }
fn paired_columns(quad: u32) -> vec4u { return quad / 8 * 32 + quad % 8 * 2 + vec4u(0, 1, 16, 17); }

// One row of x, by a workgroup for each group: lane i < 8 has the element y[8 group + i].
var<workgroup> row_sums: array<array<vec4f, 2>, LANES>;
fn element_of_row(a: Matmul, group: u32, lane: u32) -> u32 {
  let m = a.first + 8 * group + lane;
  return select(NONE, m, lane < 8 && m < a.M);
}

// Many rows, by a workgroup of 64 for a tile of 8 groups and 32 rows of x: a lane has the column m = 64 tile + lane of each row e.
var<workgroup> tile_weights: array<vec4f, 512>; // [column of 32][group][half]; in the end y, [row of x][group][half]
var<workgroup> tile_x: array<vec4f, 256>;       // [column of 32][rows of x, four each]
fn element_of_tile(a: Matmul, tile: u32, rows: u32, lane: u32, e: u32) -> u32 {
  let m = 64 * tile + lane;
  let r = 32 * rows + e;
  return select(NONE, r * a.M + a.first + m, m < 8 * a.groups && a.first + m < a.M && r < a.R);
}
fn rows_of_tile(a: Matmul, rows: u32) -> u32 { return min(32, a.R - 32 * rows); }
fn x_of_tile(a: Matmul, r: u32, k: u32) -> f32 {
  return select(0.0, scratch[a.x + min(r, a.R - 1) * a.K + min(k, a.K - 1)], r < a.R && k < a.K);
}
