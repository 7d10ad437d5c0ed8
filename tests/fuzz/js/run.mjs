// Fuzzes what JavaScript reads and nobody vouches for: `npm run fuzz:js [-- SECONDS each [NAME [SEED]]]`, 20 seconds where not said. A
// case is a seed: the same makes the same input, and one that is named is tried alone. REQUIRES: a built package.
import { Worker } from 'node:worker_threads';

const names = [
  'saved-session',
  'tokenizer-json',
  'vocabulary',
  'http',
  'chat',
  'options',
  'regex-grammar',
  'grammar',
];
const patience = 20_000; // ms without an end of a case, after which it is taken for hanging

/** Resolves to a line on the run; rejects with the first broken promise. */
function fuzz(name, seconds, seed) {
  const worker = new Worker(new URL('./cases.mjs', import.meta.url), { workerData: { name, seconds, seed } });
  return new Promise((resolve, reject) => {
    const again = (at) => `again: npm run fuzz:js -- 1 ${name} ${at}`;
    let current = seed ?? 0;
    let watch;
    const end = (settle, value) => {
      clearTimeout(watch);
      void worker.terminate();
      settle(value);
    };
    worker.on('message', ({ begun, done, failure }) => {
      clearTimeout(watch);
      if (done !== undefined) return end(resolve, done);
      if (failure !== undefined) return end(reject, new Error(`${name}: ${failure}\n${again(current)}`));
      current = begun;
      watch = setTimeout(() => end(reject, new Error(`${name}: hangs\n${again(current)}`)), patience);
    });
    worker.on('error', (error) => end(reject, new Error(`${name}: ${error.stack}\n${again(current)}`)));
    worker.on('exit', () => end(reject, new Error(`${name}: ended\n${again(current)}`)));
  });
}

const [seconds = '20', only, seed] = process.argv.slice(2);
try {
  for (const name of only === undefined ? names : [only])
    console.log(name.padEnd(20), await fuzz(name, Number(seconds), seed && Number(seed)));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
