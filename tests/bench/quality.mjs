// How well the storyteller predicts texts it never saw, in each number format, and how far that is from f32:
// `npm run bench:quality [-- MODEL VOCABULARY]`. Without names it takes the f16 weights that the shipped file was made of, where
// they lie beside the checkout, and that file itself besides; else the shipped file alone.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, home } from './lib/models.mjs';

const name = 'rwkv7-tales-8.0M';
const shipped = join(home, 'web/storyteller', `${name}-q4.safetensors`);
const original = join(home, '../shared/storyteller2', `${name}-fp16.safetensors`);
const texts = ['chapters', 'books'].map((text) => join(home, 'tests/bench/texts', `${text}.txt`));

const [given, vocabulary = join(home, 'web/storyteller', `${name}-vocab.txt`)] = process.argv.slice(2);
const model = given ?? (existsSync(original) ? original : shipped);
const program = await ensureBuilt('native', 'bits_per_byte', 'build/native/tests/bits_per_byte');

function measure(...args) {
  const { status } = spawnSync(program, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

for (const text of texts) {
  console.log(`\n${model} on ${text}`);
  measure(model, vocabulary, text);
  if (model === original) measure(model, vocabulary, text, shipped);
}
