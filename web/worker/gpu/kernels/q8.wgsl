// Weights of a group of 8 rows, for each block of 32 columns 8 scales, then for each quad of columns a word a row: w = scale (q - 64)
// (src/quant/q8.h). Quad j of a block: the columns 2 j, 2 j + 1, 16 + 2 j, 17 + 2 j (src/quant/group.h).
const Q8_BLOCK = 18u; // vectors of 16 bytes
fn columns_q8(quad: u32) -> vec4u { return paired_columns(quad); }

fn weights_q8(W: u32, K: u32, group: u32, quad: u32) -> Quad {
  let block = W + (group * (K / 32) + quad / 8) * Q8_BLOCK;
  let levels = block + 2 + quad % 8 * 2;
  return Quad(rows_q8(matrices[block], matrices[levels]), rows_q8(matrices[block + 1], matrices[levels + 1]));
}

fn rows_q8(scales: vec4u, q: vec4u) -> mat4x4f {
  let scale = bitcast<vec4f>(scales);
  return transpose(mat4x4f(
    scale.x * (bytes_of(q.x) - 64), scale.y * (bytes_of(q.y) - 64),
    scale.z * (bytes_of(q.z) - 64), scale.w * (bytes_of(q.w) - 64)));
}
