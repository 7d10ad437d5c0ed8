// Embedding tables, rows in a type of files (src/quant/dtype.h): element c of the row `row` of C elements, the table at byte `at`.

fn half_at(at: u32) -> f32 { return unpack2x16float(embeddings[at / 4] >> (at % 4 * 8)).x; }
fn byte_at(at: u32) -> i32 { return i32(embeddings[at / 4] << (24 - at % 4 * 8)) >> 24; }

fn value_f32(at: u32, C: u32, row: u32, c: u32) -> f32 { return bitcast<f32>(embeddings[at / 4 + row * C + c]); }
fn value_f16(at: u32, C: u32, row: u32, c: u32) -> f32 { return half_at(at + 2 * (row * C + c)); }
fn value_bf16(at: u32, C: u32, row: u32, c: u32) -> f32 {
  let byte = at + 2 * (row * C + c);
  return bitcast<f32>((embeddings[byte / 4] >> (byte % 4 * 8)) << 16);
}
// Blocks of 32: a half `scale` and 32 bytes q, w = scale q.
fn value_q8_0(at: u32, C: u32, row: u32, c: u32) -> f32 {
  let block = at + (row * (C / 32) + c / 32) * 34;
  return half_at(block) * f32(byte_at(block + 2 + c % 32));
}
