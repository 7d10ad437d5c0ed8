// What a long run holds and costs while it goes on: looked at after each of twenty slices, printed, and held to a bound.
import { setTimeout as sleep } from 'node:timers/promises';
import { Usage } from './usage.mjs';

const slices = 20;

/** How far a run may grow between its second quarter and its last: the first is for compilers and pools. */
const bounds = {
  heap: 2, // MB of JavaScript's own, after a collection
  resident: 48, // MB of the process, with all workers and WebAssembly: their collectors run when they like
  cost: 2, // times the processor's time a unit, which other programs on the machine change by some ten per cent
};

/**
 * Runs `step` for each slice and throws where the run has grown.
 *
 * @param unit - what is counted, such as 'token'
 * @param step - does the work of one slice and answers how many units that were
 * @param usage - of the process that is watched
 */
export async function course(unit, step, usage = Usage.own) {
  const points = [];
  let total = 0;
  let last = await usage();
  for (let slice = 1; slice <= slices; slice++) {
    const units = await step();
    await sleep(50); // what was left behind ends
    const now = await usage();
    total += units;
    points.push({ heap: now.heap, resident: now.resident, cost: (now.cpu - last.cpu) / units });
    last = now;
    if (slice === 1 || slice % (slices / 4) === 0) console.log(`  ${lineOf(total, unit, points.at(-1))}`);
  }
  const early = medians(points.slice(slices / 4, slices / 2));
  const late = medians(points.slice(-slices / 4));
  const growth = {
    heap: late.heap - early.heap,
    resident: late.resident - early.resident,
    cost: late.cost / early.cost,
  };
  const { heap, resident, cost } = growth;
  console.log(
    `  growth: heap ${heap.toFixed(1)} MB (at most ${bounds.heap}), resident ${resident.toFixed(1)} MB ` +
      `(at most ${bounds.resident}), cost x ${cost.toFixed(2)} (at most ${bounds.cost})`,
  );
  const grown = Object.keys(bounds).filter((name) => growth[name] > bounds[name]);
  if (grown.length > 0) throw new Error(`grows: ${grown.join(', ')}`);
}

function lineOf(total, unit, { heap, resident, cost }) {
  const count = total.toLocaleString('en').padStart(9);
  return `${count} ${unit}s  heap ${heap.toFixed(1)} MB  resident ${resident.toFixed(1)} MB  ${cost.toFixed(3)} ms of processor a ${unit}`;
}

function medians(points) {
  const median = (name) => points.map((point) => point[name]).sort((a, b) => a - b)[points.length >> 1];
  return { heap: median('heap'), resident: median('resident'), cost: median('cost') };
}
