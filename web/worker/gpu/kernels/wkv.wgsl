// The recurrences, over the tokens of sequence s.

// RWKV-4, element i = s C + c, in log space. State (3, C): aa, bb, pp. With q = max(pp, u + k):
//   y = r (e^(pp-q) aa + e^(u+k-q) v) / (e^(pp-q) bb + e^(u+k-q)); then with q = max(pp + w, k):
//   aa = e^(pp+w-q) aa + e^(k-q) v, bb = e^(pp+w-q) bb + e^(k-q), pp = q.
fn wkv4(a: Wkv4, i: u32) {
  let s = sequence(i / a.C);
  let c = i % a.C;
  let at = s.state + a.offset + c;
  let w = vectors[a.w + c];
  let u = vectors[a.u + c];
  var aa = states[at];
  var bb = states[at + a.C];
  var pp = states[at + 2 * a.C];
  for (var r = s.first; r < s.first + s.count; r++) {
    let k = scratch[a.k + r * a.C + c];
    let v = scratch[a.v + r * a.C + c];
    let q = max(pp, u + k);
    let e1 = exp(pp - q);
    let e2 = exp(u + k - q);
    scratch[a.y + r * a.C + c] = scratch[a.r + r * a.C + c] * (e1 * aa + e2 * v) / (e1 * bb + e2);
    let next = max(pp + w, k);
    let d1 = exp(pp + w - next);
    let d2 = exp(k - next);
    aa = d1 * aa + d2 * v;
    bb = d1 * bb + d2;
    pp = next;
  }
  states[at] = aa;
  states[at + a.C] = bb;
  states[at + 2 * a.C] = pp;
}

// In the other versions a lane has the column S[...][j] of a head's state (N, N), which lies in blocks of 16 values j, what is left of
// N in blocks of 4, as [block][key][value]: S[key][j] lies at place.first + key place.step.
struct Place { first: u32, step: u32 }
fn place_of(N: u32, j: u32) -> Place {
  let width = select(4u, 16u, j < N / 16 * 16);
  return Place(j / width * width * N + j % width, width);
}

// RWKV-5 and 6: y = r (u k v^T + S); S = w S + k v^T. w and u act along the key axis.
fn wkv6(a: Wkv6, number: u32, head: u32, lane: u32) {
  let s = sequence(number);
  let N = a.C / a.heads;
  for (var j = lane; j < N; j += LANES) {
    let place = place_of(N, j);
    let S = s.state + a.offset + head * N * N + place.first;
    for (var row = s.first; row < s.first + s.count; row++) {
      let at = row * a.C + head * N;
      let v = scratch[a.v + at + j];
      var y = 0.0;
      for (var key = 0u; key < N; key++) {
        let kv = scratch[a.k + at + key] * v;
        let old = states[S + key * place.step];
        y += scratch[a.r + at + key] * (vectors[a.u + head * N + key] * kv + old);
        states[S + key * place.step] = scratch[a.w + at + key] * old + kv;
      }
      scratch[a.y + at + j] = y;
    }
  }
}

// RWKV-7: S = w S - (kk a) (kk S)^T + k v^T; y = r S. w, kk, a, k, r act along the key axis.
fn wkv7(a: Wkv7, number: u32, head: u32, lane: u32) {
  let s = sequence(number);
  let N = a.C / a.heads;
  for (var j = lane; j < N; j += LANES) {
    let place = place_of(N, j);
    let S = s.state + a.offset + head * N * N + place.first;
    for (var row = s.first; row < s.first + s.count; row++) {
      let at = row * a.C + head * N;
      let v = scratch[a.v + at + j];
      var removed = 0.0; // kk S
      for (var key = 0u; key < N; key++) { removed += scratch[a.kk + at + key] * states[S + key * place.step]; }
      var y = 0.0;
      for (var key = 0u; key < N; key++) {
        let c = at + key;
        let next = scratch[a.w + c] * states[S + key * place.step] - scratch[a.kk + c] * scratch[a.a + c] * removed +
                   scratch[a.k + c] * v;
        states[S + key * place.step] = next;
        y += scratch[a.r + c] * next;
      }
      scratch[a.y + at + j] = y;
    }
  }
}
