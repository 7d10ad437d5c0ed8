// Many rows of x and 8 groups of W in the number format FORMAT, 32 columns at a time; while some are multiplied the next are on
// their way.
fn tile_FORMAT(a: Matmul, tile: u32, rows: u32, lane: u32) {
  var low0 = vec4f(); var high0 = vec4f(); // y of each of 4 rows of x
  var low1 = vec4f(); var high1 = vec4f();
  var low2 = vec4f(); var high2 = vec4f();
  var low3 = vec4f(); var high3 = vec4f();
  let group = min(8 * tile + lane / 8, a.groups - 1);
  let last = (a.K - 1) / 4;
  let row = 32 * rows + lane / 32 * 4; // lanes fetch columns side by side, of four rows from here on and each 8 further on
  for (var first = 0u; first < a.K + 32; first += 32) {
    let words = words_FORMAT(a.matrix, a.K, group, min(first / 4 + lane % 8, last));
    var x: array<vec4f, 4>;
    for (var i = 0u; i < 4; i++) { x[i] = x_of_tile(a, row + 8 * i, first + lane % 32); }
    let count = select(0, min(32, a.K + 32 - first), first > 0); // of the columns before
    for (var k = 0u; k < count; k++) {
      let x = tile_x[8 * k + lane / 8];
      let low = tile_weights[16 * k + lane % 8 * 2];
      let high = tile_weights[16 * k + lane % 8 * 2 + 1];
      low0 += x.x * low; high0 += x.x * high;
      low1 += x.y * low; high1 += x.y * high;
      low2 += x.z * low; high2 += x.z * high;
      low3 += x.w * low; high3 += x.w * high;
    }
    workgroupBarrier();
    let w = weights_FORMAT(words);
    let at = 16 * (columns_FORMAT(lane % 8) % 32) + lane / 8 * 2;
    tile_weights[at.x] = w.low[0]; tile_weights[at.x + 1] = w.high[0];
    tile_weights[at.y] = w.low[1]; tile_weights[at.y + 1] = w.high[1];
    tile_weights[at.z] = w.low[2]; tile_weights[at.z + 1] = w.high[2];
    tile_weights[at.w] = w.low[3]; tile_weights[at.w + 1] = w.high[3];
    for (var i = 0u; i < 4; i++) { tile_x[lane % 32 * 8 + lane / 32 + 2 * i] = x[i]; }
    workgroupBarrier();
  }
  let own = lane / 8 * 64 + lane % 8 * 2;
  tile_weights[own] = low0; tile_weights[own + 1] = high0;
  tile_weights[own + 16] = low1; tile_weights[own + 17] = high1;
  tile_weights[own + 32] = low2; tile_weights[own + 33] = high2;
  tile_weights[own + 48] = low3; tile_weights[own + 49] = high3;
  workgroupBarrier();
  for (var e = 0u; e < rows_of_tile(a, rows); e++) {
    let i = element_of_tile(a, tile, rows, lane, e);
    if (i != NONE) { scratch[a.y + i] = tile_weights[16 * e + lane / 4][lane % 4]; }
  }
}
