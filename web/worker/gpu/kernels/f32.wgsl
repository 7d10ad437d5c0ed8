// Weights of a group of 8 rows, for each column 8 floats (src/quant/f32.h). Quad q: the columns 4 q to 4 q + 3, zeros behind K.
fn columns_f32(quad: u32) -> vec4u { return 4 * quad + vec4u(0, 1, 2, 3); }

fn words_f32(W: u32, K: u32, group: u32, quad: u32) -> Quad {
  let first = W + 2 * (group * K + 4 * quad);
  let last = W + 2 * (group * K + K - 1);
  var low: mat4x4f;
  var high: mat4x4f;
  for (var i = 0u; i < 4; i++) {
    let at = min(first + 2 * i, last);
    let is_within = vec4<bool>(first + 2 * i <= last);
    low[i] = select(vec4f(), bitcast<vec4f>(matrices[at]), is_within);
    high[i] = select(vec4f(), bitcast<vec4f>(matrices[at + 1]), is_within);
  }
  return Quad(low, high);
}

fn weights_f32(w: Quad) -> Quad { return w; }
fn dots_f32(w: Quad, x: vec4f) -> Dots { return Dots(w.low * x, w.high * x); }
