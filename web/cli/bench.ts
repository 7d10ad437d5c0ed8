// rwkv-wasm bench: how fast a model runs on this machine.
import type { Command } from 'commander';
import type { Model } from '../api.js';
import { RwkvError } from '../shared/errors.js';
import { addModelFlags, loadModel, type ModelFlags, placeOf, toNumber } from './flags.js';
import { interruptSignal, paint, statusLine } from './terminal.js';

interface Flags extends ModelFlags {
  readonly seconds: number;
  readonly json: boolean;
}

interface Row {
  readonly name: string;
  readonly tokens: number;
  readonly ms: number;
  readonly tokensPerSecond: number;
}

const examples = `
Prefill reads a prompt of so many tokens; decode generates one text, batch 4 and 8 so many at the same time (the tokens of
all of them count). Each runs for --seconds, at least once. Results do not depend on threads and build, only the pace does.

Examples:
  rwkv-wasm bench
  rwkv-wasm bench --model ./model.pth --tokenizer ./rwkv_vocab_v20230424.txt --quantization q4
  rwkv-wasm bench --threads 1 --build baseline --json`;

/** Adds the command to the program. */
export function benchCommand(program: Command): void {
  addModelFlags(
    program.command('bench').description('tell how many tokens a second a model reads and generates here'),
  )
    .option('--seconds <x>', 'how long each measurement runs', toNumber, 1)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', examples)
    .action(bench);
}

async function bench(flags: Flags): Promise<void> {
  const { seconds, json } = flags;
  if (!(seconds > 0 && seconds <= 3600))
    throw new RwkvError(
      'invalid-argument',
      `--seconds: expected a number above 0, up to 3600; found ${seconds}`,
    );
  const signal = interruptSignal();
  // Token ids are enough: no vocabulary is fetched for them.
  const tokenizer = flags.tokenizer ?? (flags.model === undefined ? undefined : false);
  const model = await loadModel({ ...flags, tokenizer }, signal);
  const { name, version, quantization } = model.info;
  const status = statusLine();
  const rows: Row[] = [];
  const measure = async (row: string, run: () => Promise<number>) => {
    status.show(() => row);
    const start = performance.now();
    const tokens = await run();
    const ms = performance.now() - start;
    rows.push({ name: row, tokens, ms, tokensPerSecond: (tokens * 1000) / ms });
  };
  try {
    await read(model, 32, 0, signal); // what is compiled and allocated at first use is not measured
    await generate(model, 1, 0, signal);
    for (const length of [128, 512])
      await measure(`prefill ${length}`, () => read(model, length, seconds, signal));
    await measure('decode', () => generate(model, 1, seconds, signal));
    for (const texts of [4, 8])
      await measure(`batch ${texts}`, () => generate(model, texts, seconds, signal));
  } finally {
    status.clear();
    await model.dispose();
  }
  if (json) {
    process.stdout.write(`${JSON.stringify({ model: model.info, rows })}\n`);
    return;
  }
  const title = `${name}, RWKV-${version} ${quantization}, ${placeOf(model.info)}`;
  const table = rows.map(
    (row) => `${row.name.padEnd(12)}${row.tokensPerSecond.toFixed(1).padStart(9)} tok/s\n`,
  );
  process.stdout.write(`${paint('bold', title, process.stdout)}\n${table.join('')}`);
}

/** Reads prompts of `length` tokens, each of them another one, until the time is over; gives how many tokens. */
async function read(model: Model, length: number, seconds: number, signal: AbortSignal): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let tokens = 0;
  do {
    const session = await model.createSession();
    await session.append(anyTokens(model, length), { signal });
    await session.dispose();
    tokens += length;
  } while (performance.now() < end);
  return tokens;
}

/** Generates `texts` texts at the same time until the time is over, at least eight tokens of each; gives how many. */
async function generate(model: Model, texts: number, seconds: number, signal: AbortSignal): Promise<number> {
  const end = performance.now() + seconds * 1000;
  const one = async (seed: number) => {
    const session = await model.createSession({ seed });
    let tokens = 0;
    const options = { maxTokens: Number.MAX_SAFE_INTEGER, ban: [0], readAhead: false, signal };
    for await (const _ of session.generate(anyTokens(model, 1), options))
      if (++tokens >= 8 && performance.now() >= end) break;
    await session.dispose();
    return tokens;
  };
  const counts = await Promise.all(Array.from({ length: texts }, (_, seed) => one(seed)));
  return counts.reduce((sum, count) => sum + count, 0);
}

function anyTokens(model: Model, length: number): number[] {
  const { vocabulary } = model.info;
  return Array.from({ length }, () => 1 + Math.floor(Math.random() * (vocabulary - 1)));
}
