// Normalisations of a row or of a head of it, by a workgroup. An absent weight is 1, an absent bias 0.

fn weight_of(at: u32, c: u32) -> f32 { return select(vectors[min(at, NONE - c) + c], 1.0, at == NONE); }
fn bias_of(at: u32, c: u32) -> f32 { return select(vectors[min(at, NONE - c) + c], 0.0, at == NONE); }

// n values at x, of which the first is number `first` of its row: out = (x - mean) / sqrt(variance + eps) weight + bias.
fn normalize(x: u32, out: u32, n: u32, first: u32, weight: u32, bias: u32, eps: f32, lane: u32) {
  var total = 0.0;
  for (var c = lane; c < n; c += LANES) { total += scratch[x + c]; }
  let mean = sum(total, lane) / f32(n);
  var squares = 0.0;
  for (var c = lane; c < n; c += LANES) {
    let d = scratch[x + c] - mean;
    squares += d * d;
  }
  let scale = 1 / sqrt(sum(squares, lane) / f32(n) + eps);
  for (var c = lane; c < n; c += LANES) {
    scratch[out + c] = (scratch[x + c] - mean) * scale * weight_of(weight, first + c) + bias_of(bias, first + c);
  }
}

fn layer_norm(a: LayerNorm, r: u32, lane: u32) {
  normalize(a.x + r * a.C, a.out + r * a.C, a.C, 0, a.weight, a.bias, a.eps, lane);
}

fn group_norm(a: GroupNorm, r: u32, head: u32, lane: u32) {
  let N = a.C / a.heads;
  let x = a.x + r * a.C + head * N;
  normalize(x, x, N, head * N, a.weight, a.bias, a.eps, lane);
}

// x = x / max(|x|, 1e-12)
fn normalize_heads(a: NormalizeHeads, r: u32, head: u32, lane: u32) {
  let N = a.C / a.heads;
  let x = a.x + r * a.C + head * N;
  var squares = 0.0;
  for (var c = lane; c < N; c += LANES) { squares += scratch[x + c] * scratch[x + c]; }
  let scale = 1 / max(sqrt(sum(squares, lane)), 1e-12);
  for (var c = lane; c < N; c += LANES) { scratch[x + c] *= scale; }
}

// y += (the sum over the head of r k r_k) v
fn add_bonus(a: AddBonus, r: u32, head: u32, lane: u32) {
  let N = a.C / a.heads;
  let at = r * a.C + head * N;
  var total = 0.0;
  for (var c = lane; c < N; c += LANES) {
    total += scratch[a.r + at + c] * scratch[a.k + at + c] * vectors[a.r_k + head * N + c];
  }
  let bonus = sum(total, lane);
  for (var c = lane; c < N; c += LANES) { scratch[a.y + at + c] += bonus * scratch[a.v + at + c]; }
}
