// What every program is given. Letters as in src/README.md: R rows, S sequences, C channels, H heads of N, K and M the columns and rows
// of a matrix.
@group(0) @binding(0) var<storage, read_write> scratch: array<f32>;
@group(0) @binding(1) var<storage, read_write> states: array<f32>;
@group(0) @binding(2) var<storage, read> tables: array<u32>;
@group(0) @binding(3) var<storage, read> vectors: array<f32>;
@group(0) @binding(4) var<storage, read> matrices: array<vec4u>;
@group(0) @binding(4) var<storage, read> embeddings: array<u32>;
@group(0) @binding(5) var<uniform> program: Program;

const NONE = 0xffffffffu;

// tables: S, R, rows wanted, floats of a state; then S times {slot, first, count}, R tokens, the wanted rows, the sequence of each row.
struct Sequence { state: u32, first: u32, count: u32 }

fn sequence(s: u32) -> Sequence {
  let at = 4 + 3 * s;
  return Sequence(tables[at] * tables[3], tables[at + 1], tables[at + 2]);
}
fn token(r: u32) -> u32 { return tables[4 + 3 * tables[0] + r]; }
fn wanted(i: u32) -> u32 { return tables[4 + 3 * tables[0] + tables[1] + i]; }
fn sequence_of(r: u32) -> u32 { return tables[4 + 3 * tables[0] + tables[1] + tables[2] + r]; }
