// Sums over the lanes of a workgroup, with barriers alone. sums_subgroups.wgsl has the same for devices with subgroups.

// What the lanes bring, added up, in each of them.
var<workgroup> parts: array<f32, LANES>;
var<workgroup> part_sums: array<f32, 16>;
fn sum(value: f32, lane: u32) -> f32 {
  parts[lane] = value;
  workgroupBarrier(); // behind which all have what a former sum gave, too
  if (lane < 16) {
    var total = 0.0;
    for (var i = lane; i < LANES; i += 16) { total += parts[i]; }
    part_sums[lane] = total;
  }
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < 16; i++) { total += part_sums[i]; }
  return total;
}

// The same of 8 ROWS values of each lane: lane i < 8 ROWS gets the sum of the values i.
const PARTS = select(8u, 16u, LANES > 64);
var<workgroup> row_sums: array<vec4f, 2 * ROWS * LANES>; // [vector][lane]
var<workgroup> row_parts: array<vec4f, 2 * ROWS * PARTS>; // [vector][part]
fn sum_rows(values: ptr<function, array<vec4f, 2 * ROWS>>, lane: u32) -> f32 {
  for (var v = 0u; v < 2 * ROWS; v++) { row_sums[v * LANES + lane] = (*values)[v]; }
  workgroupBarrier();
  if (lane < 2 * ROWS * PARTS) {
    var total = vec4f();
    for (var i = lane % PARTS; i < LANES; i += PARTS) { total += row_sums[lane / PARTS * LANES + i]; }
    row_parts[lane] = total;
  }
  workgroupBarrier();
  var total = 0.0;
  for (var part = 0u; part < PARTS; part++) { total += row_parts[min(lane / 4, 2 * ROWS - 1) * PARTS + part][lane % 4]; }
  return total;
}
