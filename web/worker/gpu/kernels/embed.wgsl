// Rows of an embedding table in the number format FORMAT, of which this buffer has those of the tokens [first, first + count).

// out row r = the table's row of token r. out (R, C).
fn embed_FORMAT(a: Embed, i: u32) {
  let row = token(i / a.C) - a.first;
  if (row < a.count) { scratch[a.out + i] = value_FORMAT(a.table, a.C, row, i % a.C); }
}

// E row r += the table's row of token r. E (R, C).
fn add_rows_FORMAT(a: AddRows, i: u32) {
  let row = token(i / a.C) - a.first;
  if (row < a.count) { scratch[a.E + i] += value_FORMAT(a.table, a.C, row, i % a.C); }
}
