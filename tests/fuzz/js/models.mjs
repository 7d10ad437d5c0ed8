// Models that fuzzers load.
import { readFileSync } from 'node:fs';

const oracle = (name) =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/oracle/${name}`, import.meta.url)));

/** A checkpoint of some kilobytes. */
export const tiny = oracle('v7-bf16.pth');
export const tokenizerJson = readFileSync(
  new URL('../../fixtures/tokenizer/byte-level.json', import.meta.url),
  'utf8',
);
