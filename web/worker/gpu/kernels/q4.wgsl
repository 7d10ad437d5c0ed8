// Weights of a group of 8 rows: 8 units, then for each block of 32 columns 16 bytes of scales and 16 of zeros - byte 2 h + j of word i is
// that of row i + 4 j and the columns 16 h.. - and for each quad of columns a word for rows i (low nibbles) and i + 4 (high ones):
// w = unit scale (q - 8 - zero / 16) (src/quant/q4.h). Quads as of q8.
const Q4_BLOCK = 10u; // vectors of 16 bytes
fn columns_q4(quad: u32) -> vec4u { return paired_columns(quad); }

struct Words_q4 { low_units: vec4u, high_units: vec4u, scales: vec4u, zeros: vec4u, q: vec4u }
fn words_q4(W: u32, K: u32, group: u32, quad: u32) -> Words_q4 {
  let head = W + group * (2 + K / 32 * Q4_BLOCK);
  let block = head + 2 + quad / 8 * Q4_BLOCK;
  return Words_q4(matrices[head], matrices[head + 1], matrices[block], matrices[block + 1], matrices[block + 2 + quad % 8]);
}

// Of rows 0-3 and, with what lies 8 and 4 bits further up, of rows 4-7.
fn weights_q4(w: Words_q4) -> Quad {
  return Quad(columns_of_q4(w.low_units, w.scales, w.zeros, w.q & vec4u(0x0f0f0f0f)),
              columns_of_q4(w.high_units, w.scales >> vec4u(8), w.zeros >> vec4u(8), (w.q >> vec4u(4)) & vec4u(0x0f0f0f0f)));
}
fn dots_q4(w: Words_q4, x: vec4f) -> Dots {
  return Dots(dot_q4(w.low_units, w.scales, w.zeros, w.q & vec4u(0x0f0f0f0f), x),
              dot_q4(w.high_units, w.scales >> vec4u(8), w.zeros >> vec4u(8), (w.q >> vec4u(4)) & vec4u(0x0f0f0f0f), x));
}

// 8 + zero / 16 of the columns 16 h on.
fn middle_q4(zeros: vec4u, h: u32) -> vec4f { return 8 + signed_of(zeros, 16 * h) / 16; }

fn columns_of_q4(units: vec4u, scales: vec4u, zeros: vec4u, q: vec4u) -> mat4x4f {
  let first = bitcast<vec4f>(units) * byte_of(scales, 0);
  let second = bitcast<vec4f>(units) * byte_of(scales, 16);
  let middles = array(middle_q4(zeros, 0), middle_q4(zeros, 1));
  return mat4x4f(first * (byte_of(q, 0) - middles[0]), first * (byte_of(q, 8) - middles[0]),
                 second * (byte_of(q, 16) - middles[1]), second * (byte_of(q, 24) - middles[1]));
}

// unit (scale (q x - (8 + zero / 16) (the sum of x))), the inner sums over the columns that share a scale.
fn dot_q4(units: vec4u, scales: vec4u, zeros: vec4u, q: vec4u, x: vec4f) -> vec4f {
  let first = byte_of(q, 0) * x.x + byte_of(q, 8) * x.y - middle_q4(zeros, 0) * (x.x + x.y);
  let second = byte_of(q, 16) * x.z + byte_of(q, 24) * x.w - middle_q4(zeros, 1) * (x.z + x.w);
  return bitcast<vec4f>(units) * (byte_of(scales, 0) * first + byte_of(scales, 16) * second);
}
