// Weights of a group of 8 rows, for each block of 32 columns 8 scales, then for each quad of columns a word a row: w = scale (q - 64)
// (src/quant/q8.h). Quad j of a block: the columns 2 j, 2 j + 1, 16 + 2 j, 17 + 2 j (src/quant/group.h).
const Q8_BLOCK = 18u; // vectors of 16 bytes
fn columns_q8(quad: u32) -> vec4u { return paired_columns(quad); }

// Lane i: of row i and, high, of row 4 + i.
struct Words_q8 { low_scales: vec4u, high_scales: vec4u, low: vec4u, high: vec4u }
fn words_q8(W: u32, K: u32, group: u32, quad: u32) -> Words_q8 {
  let block = W + (group * (K / 32) + quad / 8) * Q8_BLOCK;
  let levels = block + 2 + quad % 8 * 2;
  return Words_q8(matrices[block], matrices[block + 1], matrices[levels], matrices[levels + 1]);
}

fn weights_q8(w: Words_q8) -> Quad { return Quad(columns_of_q8(w.low_scales, w.low), columns_of_q8(w.high_scales, w.high)); }
fn columns_of_q8(scales: vec4u, q: vec4u) -> mat4x4f {
  let scale = bitcast<vec4f>(scales);
  return mat4x4f(scale * (byte_of(q, 0) - 64), scale * (byte_of(q, 8) - 64),
                 scale * (byte_of(q, 16) - 64), scale * (byte_of(q, 24) - 64));
}

// scale (q x - 64 (the sum of x))
fn dots_q8(w: Words_q8, x: vec4f) -> Dots { return Dots(dot_q8(w.low_scales, w.low, x), dot_q8(w.high_scales, w.high, x)); }
fn dot_q8(scales: vec4u, q: vec4u, x: vec4f) -> vec4f {
  let qx = byte_of(q, 0) * x.x + byte_of(q, 8) * x.y + byte_of(q, 16) * x.z + byte_of(q, 24) * x.w;
  return bitcast<vec4f>(scales) * (qx - 64 * (x.x + x.y + x.z + x.w));
}
