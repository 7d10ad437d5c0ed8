// Weights of a group of 8 rows, for each column four words: lane i has row i below and row 4 + i above (src/quant/f16.h). Quads as of f32.
fn columns_f16(quad: u32) -> vec4u { return 4 * quad + vec4u(0, 1, 2, 3); }

fn weights_f16(W: u32, K: u32, group: u32, quad: u32) -> Quad {
  let first = W + group * K + 4 * quad;
  let last = W + group * K + K - 1;
  var low: mat4x4f;
  var high: mat4x4f;
  for (var i = 0u; i < 4; i++) {
    let words = select(vec4u(), matrices[min(first + i, last)], vec4<bool>(first + i <= last));
    let a = unpack2x16float(words.x);
    let b = unpack2x16float(words.y);
    let c = unpack2x16float(words.z);
    let d = unpack2x16float(words.w);
    low[i] = vec4f(a.x, b.x, c.x, d.x);
    high[i] = vec4f(a.y, b.y, c.y, d.y);
  }
  return Quad(low, high);
}
