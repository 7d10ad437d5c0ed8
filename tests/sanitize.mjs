// The core under sanitizers that take too long for every change: `npm run sanitize [-- threads]`. threads: ThreadSanitizer, on what threads
// share. (AddressSanitizer is `native-128`.)
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPreset } from '../wasm/build.mjs';
import { ensureToolchain } from '../wasm/toolchain.mjs';
import { ensureClang } from './clang.mjs';

const home = dirname(dirname(fileURLToPath(import.meta.url)));

const runs = {
  threads: {
    preset: 'native-tsan',
    target: 'thread_tests',
    canRun: () => ensureClang('ThreadSanitizer', ['-fsanitize=thread']),
    start: (built) => spawnSync(join(built, 'thread_tests'), { stdio: 'inherit' }),
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
