// Whether threads pay beside other programs: node tests/bench/crowded.mjs -- --help, and README.md.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { count } from './lib/choices.mjs';
import { describeMachine, loadOfMachine } from './lib/machine.mjs';
import { generate, randomTokens } from './lib/measure.mjs';
import { ensureRandomModel, home } from './lib/models.mjs';
import { alignedLines } from './lib/report.mjs';

const numbers = (text) => text.split(',').map(Number);
const {
  package: folder,
  model,
  quantization,
  threads,
  programs,
  turns,
  decode,
  prefill,
} = new Command()
  .description(
    'Decodes and reads prompts on 1 and more threads, in turns, beside programs that compute without end.',
  )
  .option('--package <folder>', 'where dist/ is, of another build', home)
  .option('--model <sizes>', 'layers, channels and vocabulary, or a file', '12,768,65536')
  .option('--quantization <name>', '', 'q8')
  .option('--threads <list>', '', numbers, [2, 4, 8])
  .option('--programs <list>', 'how many of them', numbers, [0, 2, 4, 8])
  .option('--turns <n>', '', count, 12)
  .option('--decode <tokens>', 'of a turn', count, 16)
  .option('--prefill <tokens>', 'of a turn', count, 64)
  .parse()
  .opts();

const { RWKV } = await import(resolve(folder, 'dist/node.js'));
const startProgram = () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });

/** One model on so many threads. */
async function load(threads) {
  const path = model.includes(',') ? await ensureRandomModel(model.split(',')) : model;
  const loaded = await RWKV.load(path, { quantization, threads, tokenizer: false, prefixCache: false });
  const { vocabulary } = loaded.info;
  const timed = async (work) => {
    const session = await loaded.createSession({ seed: 1 });
    await session.append([1]);
    const start = performance.now();
    await work(session);
    const ms = performance.now() - start;
    await session.dispose();
    return ms;
  };
  return {
    dispose: () => loaded.dispose(),
    decode: () => timed((session) => generate(session, decode)),
    prefill: () => timed((session) => session.append(randomTokens(prefill, vocabulary))),
  };
}

const all = [];
for (const count of [1, ...threads]) all.push(await load(count));
const rows = [];
for (const others of programs) {
  const running = Array.from({ length: others }, startProgram);
  try {
    for (const [task, tokens] of Object.entries({ decode, prefill })) {
      const total = all.map(() => 0);
      for (let turn = -2; turn < turns; turn++)
        for (const [i, one] of all.entries()) {
          const ms = await one[task]();
          if (turn >= 0) total[i] += ms;
        }
      const [alone, ...ratios] = total.map((ms, i) =>
        i === 0 ? (1000 * tokens * turns) / ms : total[0] / ms,
      );
      rows.push([String(others), task, alone.toFixed(1), ...ratios.map((ratio) => `x${ratio.toFixed(2)}`)]);
    }
  } finally {
    for (const program of running) program.kill();
  }
}
const { cpu, cores } = describeMachine();
console.log(`${cpu}, ${cores} cores, load ${loadOfMachine().toFixed(1)} at the end`);
const titles = ['programs', 'task', '1 thread, tok/s', ...threads.map((count) => `${count} threads`)];
for (const line of alignedLines([titles, ...rows], 2)) console.log(line);
for (const one of all) await one.dispose();
