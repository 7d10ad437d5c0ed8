// y = W x for each of R rows, W (M, K) in groups of 8 rows, x (R, K), y (R, M): what the forms of it share.

// Four columns of a group: of each the rows 0-3, and the rows 4-7.
struct Quad { low: mat4x4f, high: mat4x4f }
// What a quad adds to y: rows 0-3 and 4-7.
struct Dots { low: vec4f, high: vec4f }

// Byte `shift` / 8 of words, as it is and as a number with a sign.
fn byte_of(words: vec4u, shift: u32) -> vec4f { return vec4f((words >> vec4u(shift)) & vec4u(255)); }
fn signed_of(words: vec4u, shift: u32) -> vec4f { return vec4f(bitcast<vec4i>(words << vec4u(24 - shift)) >> vec4u(24)); }
fn paired_columns(quad: u32) -> vec4u { return quad / 8 * 32 + quad % 8 * 2 + vec4u(0, 1, 16, 17); }

// Few rows, by a workgroup for a group and ROWS rows of x, number ROWS `rows` on: lane i < 8 ROWS has y[row i / 8][8 group + i % 8].
fn element_of_row(a: Matmul, group: u32, rows: u32, lane: u32) -> u32 {
  let m = a.first + 8 * group + lane % 8;
  let r = ROWS * rows + lane / 8;
  return select(NONE, r * a.M + m, lane < 8 * ROWS && m < a.M && r < a.R);
}
fn x_of_row(a: Matmul, r: u32, k: vec4u) -> vec4f {
  let at = a.x + min(r, a.R - 1) * a.K + min(k, vec4u(a.K - 1));
  return select(vec4f(), vec4f(scratch[at.x], scratch[at.y], scratch[at.z], scratch[at.w]), k < vec4u(a.K));
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
// Column k of four rows of x from r on.
fn x_of_tile(a: Matmul, r: u32, k: u32) -> vec4f {
  let row = r + vec4u(0, 1, 2, 3);
  let at = a.x + min(row, vec4u(a.R - 1)) * a.K + min(k, a.K - 1);
  return select(vec4f(), vec4f(scratch[at.x], scratch[at.y], scratch[at.z], scratch[at.w]), (row < vec4u(a.R)) & vec4<bool>(k < a.K));
}
