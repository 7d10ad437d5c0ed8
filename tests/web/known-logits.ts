// The logits behind a known text, of the model tests/fixtures/oracle/v7-bf16.pth, whose tokens are bytes. Baseline code has one order of
// sums, so every engine that runs it agrees; another sum here means that saved texts go on otherwise.

export const knownText = 'The quick brown fox jumps over the lazy dog.'.repeat(4);

/** SHA-256 of V f32, little-endian, by the format of the weights in memory. */
export const knownSums = {
  f32: '9fc4b222055d1d37f363336da887c23d7f5774300d54caf4894ad23ba47307a7',
  f16: '2dbfc910f25153465413ccf1b6291ad2bfba09bb629f540e65fd76b5e74a8f3b',
  q8: '0ac6aa7ab36f456e6bc42f9c8e5e152782517e0af0cc7e51daaac19e3da4d148',
  q4: '04cfedba2af67d1bd1e472ec11eb7487f91e883a3332c000ef405a255d357081',
} as const;
