// What a token of a Transformer would take in the model's place, as a formula: attention reads the keys and values of all tokens before it.
import type { ModelInfo } from 'rwkv-wasm';

/** Fitted to what `npm run bench -- --plot` measured: its share of RWKV's time at the start, with fewer matrices, ... */
const start = 0.8;
/** ... and how many bytes of weights take as long as one of keys and values. */
const weight = 2.5;

/** Milliseconds at these places, where RWKV takes `pace` at all of them. */
export function attention(info: ModelInfo, pace: number, places: readonly number[]): number[] {
  const { layers, channels, vocabulary, parameters, bytes } = info;
  const weights = bytes * (1 - (vocabulary * channels) / parameters); // of the embedding one row is read
  const keysAndValues = layers * 2 * channels * 2; // of a token, as halves
  return places.map((place) => pace * (start + (weight * keysAndValues * place) / weights));
}
