// Operations that share dispatches compute what they compute alone, in few dispatches.
import { expect } from 'vitest';
import { onDevice, run } from './dawn.js';
import { distance } from './numbers.js';
import { version7 } from './version7.js';

const sizes = { heads: 2, N: 32, F: 160, rank: 32, V: 50, format: 'q8' } as const;

// The software driver takes seconds to compile a program of many rows, so those have one layer.
onDevice.each([
  { counts: [1], wanted: [0], layers: 3 },
  { counts: [3, 1, 2], wanted: [2, 3], layers: 1 },
])(
  'version 7 in shared dispatches is what its operations are alone: rows $counts',
  async ({ counts, wanted, layers }) => {
    const written = version7(counts, wanted, { ...sizes, layers });
    const alone = await run(written, { fuses: false, passes: 2 });
    const shared = await run(written, { passes: 2 });
    expect(alone.result.some((logit) => Math.abs(logit) > 0.1)).toBe(true);
    expect(distance(shared.result, alone.result)).toBeLessThan(2e-5);
    expect(distance(shared.states.flat(), alone.states.flat())).toBeLessThan(2e-5);
    console.log(
      `rows ${counts}, layers ${layers}: ${alone.dispatches} dispatches alone, ${shared.dispatches} shared`,
    );
    if (counts.length === 1 && counts[0] === 1) expect(shared.dispatches).toBeLessThanOrEqual(8 * layers + 2);
  },
  300_000,
);

onDevice('weights in many buffers are those in one', async () => {
  const written = version7([1], [0], { ...sizes, layers: 2 });
  const one = await run(written, { passes: 2 });
  const many = await run(written, { passes: 2, bufferBytes: 4096 });
  expect(many.dispatches).toBeGreaterThan(one.dispatches);
  expect(distance(many.result, one.result)).toBeLessThan(2e-5);
  expect(distance(many.states.flat(), one.states.flat())).toBeLessThan(2e-5);
});
