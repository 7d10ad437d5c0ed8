// Long runs: `npm run soak [-- NAME...]`, an hour for all; `--short` is what CI runs, half a minute. Each prints what it holds and
// costs at the start and the end, and fails where that has grown beyond the bounds of course.mjs. REQUIRES: a built package.
import manySessions from './many-sessions.mjs';
import oneSession from './one-session.mjs';
import serve from './serve.mjs';

const runs = { 'one-session': oneSession, 'many-sessions': manySessions, serve };
const words = process.argv.slice(2);
const isShort = words.includes('--short');
const asked = words.filter((word) => word !== '--short');

try {
  for (const name of asked.length > 0 ? asked : Object.keys(runs)) {
    const run = runs[name];
    if (!run) throw new Error(`expected ${Object.keys(runs).join(', ')}; found ${name}`);
    const began = performance.now();
    console.log(name);
    await run(isShort);
    console.log(`  ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
