// The core under sanitizers that take too long for every change: `npm run sanitize [-- threads|wasm]`. threads: ThreadSanitizer, on what
// threads share. wasm: AddressSanitizer and UBSan on the instructions of WebAssembly, which `native-128` emulates.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPreset } from '../wasm/build.mjs';
import { ensureToolchain } from '../wasm/toolchain.mjs';
import { ensureClang } from './clang.mjs';

const home = dirname(dirname(fileURLToPath(import.meta.url)));

// What meets vectors and untrusted bytes. Whole models, all distributions and files with every byte changed would take hours there;
// native-128 has them.
const files = [
  ...['matmul', 'norm', 'pointwise', 'wkv', 'numerics', 'simd', 'decode_blocks', 'dtype', 'matrix', 'table'],
  ...['logprobs', 'softmax', 'strings', 'utf8_stream', 'json', 'zip', 'saved_session'],
];
const slow = 'every form and number of streams*';

const runs = {
  threads: {
    preset: 'native-tsan',
    target: 'thread_tests',
    canRun: () => ensureClang('ThreadSanitizer', ['-fsanitize=thread']),
    start: (built) => spawnSync(join(built, 'thread_tests'), { stdio: 'inherit' }),
  },
  wasm: {
    preset: 'wasm-asan',
    target: 'core_tests',
    canRun: () => true,
    start: (built) => {
      const cases = files.map((file) => `[#${file}_test]~${slow}`).join();
      return spawnSync(process.execPath, [join(built, 'core_tests.cjs'), '-#', cases], { stdio: 'inherit' });
    },
  },
};

try {
  const asked = process.argv.slice(2);
  for (const name of asked.length > 0 ? asked : Object.keys(runs)) {
    const run = runs[name];
    if (!run) throw new Error(`expected ${Object.keys(runs).join(', ')}; found ${name}`);
    if (!run.canRun()) continue;
    console.log(name);
    await buildPreset(run.preset, await ensureToolchain(), [run.target]);
    const { status } = run.start(join(home, 'build', run.preset, 'tests'));
    if (status !== 0) throw new Error(`${name} failed`);
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
