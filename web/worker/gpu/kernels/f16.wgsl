// Weights of a group of 8 rows, for each column four words: lane i has row i below and row 4 + i above (src/quant/f16.h). Quads as of f32.
fn columns_f16(quad: u32) -> vec4u { return 4 * quad + vec4u(0, 1, 2, 3); }

fn words_f16(W: u32, K: u32, group: u32, quad: u32) -> array<vec4u, 4> {
  let first = W + group * K + 4 * quad;
  let last = W + group * K + K - 1;
  var words: array<vec4u, 4>; // of each column
  for (var i = 0u; i < 4; i++) {
    words[i] = select(vec4u(), matrices[min(first + i, last)], vec4<bool>(first + i <= last));
  }
  return words;
}

fn weights_f16(words: array<vec4u, 4>) -> Quad {
  var w: Quad;
  for (var i = 0u; i < 4; i++) {
    let a = unpack2x16float(words[i].x);
    let b = unpack2x16float(words[i].y);
    let c = unpack2x16float(words[i].z);
    let d = unpack2x16float(words[i].w);
    w.low[i] = vec4f(a.x, b.x, c.x, d.x);
    w.high[i] = vec4f(a.y, b.y, c.y, d.y);
  }
  return w;
}

fn dots_f16(words: array<vec4u, 4>, x: vec4f) -> Dots {
  let w = weights_f16(words);
  return Dots(w.low * x, w.high * x);
}
