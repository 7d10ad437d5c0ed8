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

// In the other versions a lane has the column S[...][j] of a head's state (N, N), and keeps it while it walks through the tokens. N = HEAD,
// KEYS vectors of four. A state lies in blocks of 16 values j, what is left of N in blocks of 4, as [block][key][value].
const KEYS = HEAD / 4;
alias Column = array<vec4f, KEYS>;
struct Place { first: u32, step: u32 } // S[key][j] lies at first + key step
fn place_of(state: u32, head: u32, j: u32) -> Place {
  let width = select(4u, 16u, j < HEAD / 16 * 16);
  return Place(state + head * HEAD * HEAD + j / width * width * HEAD + j % width, width);
}
fn load_column(p: Place) -> Column {
  var S: Column;
  for (var i = 0u; i < KEYS; i++) {
    let at = p.first + 4 * i * p.step;
    S[i] = vec4f(states[at], states[at + p.step], states[at + 2 * p.step], states[at + 3 * p.step]);
  }
  return S;
}
fn store_column(p: Place, S: ptr<function, Column>) {
  for (var i = 0u; i < HEAD; i++) { states[p.first + i * p.step] = (*S)[i / 4][i % 4]; }
}

// What acts along the key axis, of one token: up to 5 vectors, which all lanes read. Lanes fetch those of the next token while they
// compute with these.
const SHARE = (5 * KEYS + LANES - 1) / LANES; // quads of a lane
alias Share = array<vec4f, SHARE>;
var<workgroup> keys: array<vec4f, 5 * KEYS>; // [vector][quad]
fn fetch(rows: array<u32, 5>, count: u32, at: u32, lane: u32) -> Share {
  var vectors_at = rows;
  var quads: Share;
  for (var i = 0u; i < SHARE; i++) {
    let quad = lane + i * LANES;
    if (quad < count * KEYS) {
      let place = vectors_at[quad / KEYS] + at + 4 * (quad % KEYS);
      quads[i] = vec4f(scratch[place], scratch[place + 1], scratch[place + 2], scratch[place + 3]);
    }
  }
  return quads;
}
fn share(quads: ptr<function, Share>, lane: u32) {
  workgroupBarrier(); // until all are done with the token before
  for (var i = 0u; i < SHARE; i++) {
    if (lane + i * LANES < 5 * KEYS) { keys[lane + i * LANES] = (*quads)[i]; }
  }
  workgroupBarrier();
}

// RWKV-5 and 6: y = r (u k v^T + S); S = w S + k v^T. w and u act along the key axis.
fn wkv6(a: Wkv6, number: u32, head: u32, lane: u32) {
  let s = sequence(number);
  let rows = array(a.r, a.k, a.w, 0u, 0u);
  for (var first = 0u; first < HEAD; first += LANES) {
    let j = min(first + lane, HEAD - 1);
    let place = place_of(s.state + a.offset, head, j);
    var S = load_column(place);
    let begin = s.first * a.C + head * HEAD;
    let end = begin + s.count * a.C;
    var next = fetch(rows, 3, begin, lane);
    for (var at = begin; at < end; at += a.C) {
      share(&next, lane);
      next = fetch(rows, 3, min(at + a.C, end - a.C), lane);
      let v = scratch[a.v + at + j];
      var y = 0.0;
      for (var i = 0u; i < KEYS; i++) {
        let c = a.u + head * HEAD + 4 * i;
        let u = vec4f(vectors[c], vectors[c + 1], vectors[c + 2], vectors[c + 3]);
        let kv = keys[KEYS + i] * v;
        y += dot(keys[i], u * kv + S[i]);
        S[i] = keys[2 * KEYS + i] * S[i] + kv;
      }
      if (first + lane < HEAD) { scratch[a.y + at + j] = y; }
    }
    if (first + lane < HEAD) { store_column(place, &S); }
  }
}

// RWKV-7: S = w S - (kk a) (kk S)^T + k v^T; y = r S. w, kk, a, k, r act along the key axis.
fn wkv7(a: Wkv7, number: u32, head: u32, lane: u32) {
  let s = sequence(number);
  let rows = array(a.r, a.k, a.w, a.kk, a.a);
  for (var first = 0u; first < HEAD; first += LANES) {
    let j = min(first + lane, HEAD - 1);
    let place = place_of(s.state + a.offset, head, j);
    var S = load_column(place);
    let begin = s.first * a.C + head * HEAD;
    let end = begin + s.count * a.C;
    var next = fetch(rows, 5, begin, lane);
    for (var at = begin; at < end; at += a.C) {
      share(&next, lane);
      next = fetch(rows, 5, min(at + a.C, end - a.C), lane);
      let v = scratch[a.v + at + j];
      var removed = 0.0; // kk S
      for (var i = 0u; i < KEYS; i++) { removed += dot(keys[3 * KEYS + i], S[i]); }
      var y = 0.0;
      for (var i = 0u; i < KEYS; i++) {
        S[i] = keys[2 * KEYS + i] * S[i] - keys[3 * KEYS + i] * keys[4 * KEYS + i] * removed + keys[KEYS + i] * v;
        y += dot(keys[i], S[i]);
      }
      if (first + lane < HEAD) { scratch[a.y + at + j] = y; }
    }
    if (first + lane < HEAD) { store_column(place, &S); }
  }
}
