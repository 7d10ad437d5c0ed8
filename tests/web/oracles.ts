// The model files that tests/tools/write_models.cpp writes, and the logits that the authors' code gives for them.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where they are, with a slash at its end. */
export const modelFolder = fileURLToPath(new URL('../../build/models/', import.meta.url));

/** Their names. `npm test` writes them. */
export const modelFiles: readonly string[] = readdirSync(modelFolder).sort();

export interface Oracle {
  readonly version: string;
  readonly tokens: readonly number[];
  /** Behind the last of the tokens, (V). */
  readonly logits: Float32Array;
}

/** The oracle that a file was made of; `undefined`: no other project's code has run that version. */
export function oracleOf(file: string): Oracle | undefined {
  const name = /^v\d+-(bf16|fp16)/.exec(file)?.[0];
  if (name === undefined) return undefined;
  const json = new URL(`../fixtures/oracle/${name}.json`, import.meta.url);
  const { tokens, logits, vocab } = JSON.parse(readFileSync(json, 'utf8'));
  const bytes = Uint8Array.from(Buffer.from(logits, 'base64'));
  const version = { 'v4-bf16': '4', 'v52-fp16': '5.2', 'v6-bf16': '6', 'v7-bf16': '7' }[name] ?? '';
  return { version, tokens, logits: new Float32Array(bytes.buffer).slice(-vocab) };
}

/** The largest difference of two rows of logits. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return a.length === b.length
    ? Math.max(...Array.from(a, (x, i) => Math.abs(x - (b[i] ?? Number.NaN))))
    : Number.NaN;
}

/** How far a file's logits may be from the oracle's: the authors' own weights, but for eight-bit ones. */
export const tolerance = (file: string) => (file.includes('q8_0') ? 0.25 : 2e-4);
