// Many rows of x and 8 groups of W in the number format FORMAT, 32 columns at a time.
fn tile_FORMAT(a: Matmul, tile: u32, rows: u32, lane: u32) {
  var low0 = vec4f(); var high0 = vec4f(); // y of each of 4 rows of x
  var low1 = vec4f(); var high1 = vec4f();
  var low2 = vec4f(); var high2 = vec4f();
  var low3 = vec4f(); var high3 = vec4f();
  let group = 8 * tile + lane / 8;
  for (var first = 0u; first < a.K; first += 32) {
    workgroupBarrier();
    var w: Quad;
    let quad = first / 4 + lane % 8;
    if (group < a.groups && 4 * quad < a.K) { w = weights_FORMAT(a.matrix, a.K, group, quad); }
    let at = 16 * (columns_FORMAT(quad) % 32) + lane / 8 * 2;
    tile_weights[at.x] = w.low[0]; tile_weights[at.x + 1] = w.high[0];
    tile_weights[at.y] = w.low[1]; tile_weights[at.y + 1] = w.high[1];
    tile_weights[at.z] = w.low[2]; tile_weights[at.z + 1] = w.high[2];
    tile_weights[at.w] = w.low[3]; tile_weights[at.w + 1] = w.high[3];
    for (var i = lane; i < 256; i += 64) { // i % 32: the column, so that lanes read side by side
      let k = first + i % 32;
      let r = 32 * rows + i / 32 * 4;
      tile_x[i % 32 * 8 + i / 32] =
        vec4f(x_of_tile(a, r, k), x_of_tile(a, r + 1, k), x_of_tile(a, r + 2, k), x_of_tile(a, r + 3, k));
    }
    workgroupBarrier();
    for (var k = 0u; k < min(32, a.K - first); k++) {
      let x = tile_x[8 * k + lane / 8];
      let low = tile_weights[16 * k + lane % 8 * 2];
      let high = tile_weights[16 * k + lane % 8 * 2 + 1];
      low0 += x.x * low; high0 += x.x * high;
      low1 += x.y * low; high1 += x.y * high;
      low2 += x.z * low; high2 += x.z * high;
      low3 += x.w * low; high3 += x.w * high;
    }
  }
  workgroupBarrier();
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
