// Moving rows. Each function makes element i of its output, or of each of its outputs.

// out row i = x row wanted[i]. out (wanted, C).
fn gather(a: Gather, i: u32) { scratch[a.out + i] = scratch[a.x + wanted(i / a.C) * a.C + i % a.C]; }

// out = x. (n)
fn copy(a: Copy, i: u32) { scratch[a.out + i] = scratch[a.x + i]; }

// out = the columns [first, first + width) of x (R, x_width).
fn columns(a: Columns, i: u32) {
  scratch[a.out + i] = scratch[a.x + i / a.width * a.x_width + a.first + i % a.width];
}

// Every row of out (R, C) = the vector (C).
fn repeat(a: Repeat, i: u32) { scratch[a.out + i] = vectors[a.vector + i % a.C]; }

// prev = x one token earlier, (R, C); the states keep each sequence's last row for the next pass.
fn shift(a: Shift, i: u32) {
  let r = i / a.C;
  let c = i % a.C;
  let s = sequence(sequence_of(r));
  if (r > s.first) {
    scratch[a.prev + i] = scratch[a.x + i - a.C];
    return;
  }
  let kept = s.state + a.offset + c;
  scratch[a.prev + i] = states[kept];
  states[kept] = scratch[a.x + (s.first + s.count - 1) * a.C + c];
}

// y = x E, of each row with a matrix of its own. x (R, K), E (R, K M) as [row][k][m], y (R, M).
fn product_each(x: u32, E: u32, K: u32, M: u32, i: u32) -> f32 {
  let r = i / M;
  var total = 0.0;
  for (var k = 0u; k < K; k++) { total += scratch[x + r * K + k] * scratch[E + (r * K + k) * M + i % M]; }
  return total;
}
fn matmul_each(a: MatmulEach, i: u32) { scratch[a.y + i] = product_each(a.x, a.E, a.K, a.M, i); }
fn add_matmul_each(a: AddMatmulEach, i: u32) { scratch[a.y + i] += product_each(a.x, a.E, a.K, a.M, i); }
