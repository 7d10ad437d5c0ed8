// Runs a written list on a device, in Node or in a page: nothing but the package's own modules, which are handed in.
import type { Device } from '../../../dist/worker/gpu/device.js';
import type { Replay } from '../../../dist/worker/gpu/replay.js';
import type { Written } from './list-writer.js';

export interface Ran {
  readonly result: number[];
  readonly hidden: number[];
  readonly states: number[][];
  readonly dispatches: number;
}

export async function runWritten(
  { open }: Pick<typeof Replay, 'open'>,
  device: Device,
  { list, tables, weights, states }: Written,
  fuses = true,
  passes = 1,
): Promise<Ran> {
  const stateFloats = states[0]?.length ?? 0;
  const replay = await open(device, { weights: weights.map(({ of }) => of), stateFloats }, { fuses });
  try {
    weights.forEach(({ bytes }, id) => {
      const middle = Math.floor(bytes.length / 2); // in two pieces, that need not be whole words
      replay.weights.upload(id, 0, bytes.subarray(0, middle));
      replay.weights.upload(id, middle, bytes.subarray(middle));
    });
    const slots: number[] = [];
    for (const state of states) {
      const slot = await replay.states.acquire();
      replay.states.upload(slot, Float32Array.from(state));
      slots.push(slot);
    }
    let ran = await replay.run(Uint32Array.from(list), Uint32Array.from(tables));
    for (let pass = 1; pass < passes; pass++)
      ran = await replay.run(Uint32Array.from(list), Uint32Array.from(tables));
    const after = await Promise.all(slots.map(async (slot) => [...(await replay.states.download(slot))]));
    const { dispatches } = await replay.count(Uint32Array.from(list));
    return { result: [...(ran.logits ?? [])], hidden: [...(ran.hidden ?? [])], states: after, dispatches };
  } finally {
    replay.destroy();
  }
}
