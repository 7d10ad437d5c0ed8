// One row of x and a group of 8 rows of W in the number format FORMAT: lanes share out the quads of columns.
fn row_FORMAT(a: Matmul, group: u32, lane: u32) {
  var low = vec4f();
  var high = vec4f();
  for (var quad = lane; 4 * quad < a.K; quad += LANES) {
    let w = weights_FORMAT(a.matrix, a.K, group, quad);
    let k = columns_FORMAT(quad);
    let at = a.x + min(k, vec4u(a.K - 1));
    let x = select(vec4f(), vec4f(scratch[at.x], scratch[at.y], scratch[at.z], scratch[at.w]), k < vec4u(a.K));
    low += w.low * x;
    high += w.high * x;
  }
  row_sums[lane] = array(low, high);
  for (var half = LANES / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (lane < half) {
      row_sums[lane][0] += row_sums[lane + half][0];
      row_sums[lane][1] += row_sums[lane + half][1];
    }
  }
  workgroupBarrier();
  let i = element_of_row(a, group, lane);
  if (i != NONE) { scratch[a.y + i] = row_sums[0][lane / 4][lane % 4]; }
}
