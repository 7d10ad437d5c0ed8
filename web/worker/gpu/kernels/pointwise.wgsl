// Element i of arrays of n values, or of R rows of C.

fn mix(x: f32, prev: f32, mu: f32) -> f32 { return x + (prev - x) * mu; }
fn logistic(x: f32) -> f32 { return 1 / (1 + exp(-x)); }

// out = x + (prev - x) mu
fn lerp(a: Lerp, i: u32) { scratch[a.out + i] = mix(scratch[a.x + i], scratch[a.prev + i], vectors[a.mu + i % a.C]); }
fn lerp_rows(a: LerpRows, i: u32) { scratch[a.out + i] = mix(scratch[a.x + i], scratch[a.prev + i], scratch[a.mu + i]); }

fn add(a: Add, i: u32) { scratch[a.out + i] += scratch[a.x + i]; }
fn add_bias(a: AddBias, i: u32) { scratch[a.out + i] += vectors[a.vector + i % a.C]; }
fn multiply(a: Multiply, i: u32) { scratch[a.out + i] *= scratch[a.x + i]; }
fn scale(a: Scale, i: u32) { scratch[a.out + i] = scratch[a.x + i] * vectors[a.vector + i % a.C]; }

fn sigmoid(a: Sigmoid, i: u32) { scratch[a.x + i] = logistic(scratch[a.x + i]); }
fn tanh(a: Tanh, i: u32) { scratch[a.x + i] = 1 - 2 / (exp(2 * scratch[a.x + i]) + 1); }
// x / (1 + e^-x)
fn silu(a: Silu, i: u32) { scratch[a.x + i] *= logistic(scratch[a.x + i]); }
// max(x, 0)^2
fn relu_squared(a: ReluSquared, i: u32) {
  let x = select(scratch[a.x + i], 0.0, scratch[a.x + i] < 0); // max() would make 0 of NaN
  scratch[a.x + i] = x * x;
}
// e^(-e^x)
fn decay6(a: Decay6, i: u32) { scratch[a.x + i] = exp(-exp(scratch[a.x + i])); }
// e^(-e^(-1/2) sigmoid(x))
fn decay7(a: Decay7, i: u32) { scratch[a.x + i] = exp(-0.60653066 * logistic(scratch[a.x + i])); }

// k = k (1 + (a - 1) k_a)
fn scale_key7(a: ScaleKey7, i: u32) { scratch[a.k + i] *= 1 + (scratch[a.a + i] - 1) * vectors[a.k_a + i % a.C]; }
