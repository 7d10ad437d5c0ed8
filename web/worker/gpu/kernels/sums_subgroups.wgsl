// What sums.wgsl has, with the sums of subgroups: lanes that run side by side, SUBGROUP of them, in order.
var<private> SUBGROUP: u32;
var<workgroup> parts: array<f32, LANES>; // of each subgroup one; they may have one lane
fn sum(value: f32, lane: u32) -> f32 {
  let part = subgroupAdd(value);
  workgroupBarrier(); // until all have what a former sum gave
  if (lane % SUBGROUP == 0) { parts[lane / SUBGROUP] = part; }
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i * SUBGROUP < LANES; i++) { total += parts[i]; }
  return total;
}

var<workgroup> row_parts: array<vec4f, 2 * ROWS * LANES>; // [vector][subgroup]
fn sum_rows(values: ptr<function, array<vec4f, 2 * ROWS>>, lane: u32) -> f32 {
  for (var v = 0u; v < 2 * ROWS; v++) {
    let part = subgroupAdd((*values)[v]);
    if (lane % SUBGROUP == 0) { row_parts[v * LANES + lane / SUBGROUP] = part; }
  }
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i * SUBGROUP < LANES; i++) { total += row_parts[min(lane / 4, 2 * ROWS - 1) * LANES + i][lane % 4]; }
  return total;
}
