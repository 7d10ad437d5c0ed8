// The cases of one target, one after another, in a thread of their own: who waits for them sees one that hangs.
import { parentPort, workerData } from 'node:worker_threads';
import { Random } from '../../random.mjs';

const { name, seconds, seed } = workerData;
const { open } = await import(`./${name}.mjs`);
const target = await open();
process.on('unhandledRejection', (error) =>
  parentPort.postMessage({ failure: `unhandled: ${error?.stack}` }),
);

const end = performance.now() + seconds * 1000;
const outcomes = new Map();
let cases = 0;
try {
  for (let at = seed ?? 1; performance.now() < end || cases === 0; at++) {
    parentPort.postMessage({ begun: at });
    const outcome = await target.attempt(new Random(at));
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    cases++;
    if (seed !== undefined) break;
    if (cases % 20 === 0) await target.works();
  }
  await target.works();
  const told = [...outcomes].map(([outcome, count]) => `${outcome} ${count}`).sort();
  parentPort.postMessage({ done: `${String(cases).padStart(8)} cases: ${told.join(', ')}` });
} catch (error) {
  parentPort.postMessage({ failure: error?.stack ?? String(error) });
}
