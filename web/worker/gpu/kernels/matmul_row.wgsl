// Few rows of x and a group of 8 rows of W in the number format FORMAT: lanes share out the quads of columns.
fn row_FORMAT(a: Matmul, group: u32, rows: u32, lane: u32) {
  var y: array<vec4f, 2 * ROWS>; // [row of x][half of the group]
  for (var quad = lane; 4 * quad < a.K; quad += LANES) {
    let words = words_FORMAT(a.matrix, a.K, group, quad);
    let k = columns_FORMAT(quad);
    for (var r = 0u; r < ROWS; r++) {
      let dots = dots_FORMAT(words, x_of_row(a, ROWS * rows + r, k));
      y[2 * r] += dots.low;
      y[2 * r + 1] += dots.high;
    }
  }
  let total = sum_rows(&y, lane);
  let i = element_of_row(a, group, rows, lane);
  if (i != NONE) { scratch[a.y + i] = total; }
}
