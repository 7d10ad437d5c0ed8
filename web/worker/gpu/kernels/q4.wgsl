// Weights of a group of 8 rows: 8 units, then for each block of 32 columns 16 bytes of scales and 16 of zeros - byte 2 h + j of word i is
// that of row i + 4 j and the columns 16 h.. - and for each quad of columns a word for rows i (low nibbles) and i + 4 (high ones):
// w = unit scale (q - 8 - zero / 16) (src/quant/q4.h). Quads as of q8.
const Q4_BLOCK = 10u; // vectors of 16 bytes
fn columns_q4(quad: u32) -> vec4u { return paired_columns(quad); }

fn weights_q4(W: u32, K: u32, group: u32, quad: u32) -> Quad {
  let head = W + group * (2 + K / 32 * Q4_BLOCK);
  let block = head + 2 + quad / 8 * Q4_BLOCK;
  let scales = matrices[block];
  let zeros = matrices[block + 1];
  let q = matrices[block + 2 + quad % 8];
  return Quad(rows_q4(matrices[head], scales, zeros, q),
              rows_q4(matrices[head + 1], scales >> vec4u(8), zeros >> vec4u(8), q >> vec4u(4)));
}

fn rows_q4(units: vec4u, scales: vec4u, zeros: vec4u, q: vec4u) -> mat4x4f {
  let unit = bitcast<vec4f>(units);
  return transpose(mat4x4f(
    unit.x * row_of_q4(scales.x, zeros.x, q.x), unit.y * row_of_q4(scales.y, zeros.y, q.y),
    unit.z * row_of_q4(scales.z, zeros.z, q.z), unit.w * row_of_q4(scales.w, zeros.w, q.w)));
}

fn row_of_q4(scales: u32, zeros: u32, q: u32) -> vec4f {
  let zero = vec2f((vec2i(vec2u(zeros << 24, zeros << 8))) >> vec2u(24));
  let scale = vec2f(vec2u(scales, scales >> 16) & vec2u(255));
  return scale.xxyy * (bytes_of(q & 0x0f0f0f0fu) - 8 - zero.xxyy / 16);
}
