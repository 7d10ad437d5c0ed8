// Runs a written list on a device, in Node or in a page.
import type { Device } from '../../../dist/worker/gpu/device.js';
import { Replay, type ReplayOptions } from '../../../dist/worker/gpu/replay.js';
import { Weights } from '../../../dist/worker/gpu/weights.js';
import type { Written } from './list-writer.js';

export interface RunOptions extends ReplayOptions {
  /** How often: the states go on. */
  readonly passes?: number;
  /** Of a buffer of weights, at most. */
  readonly bufferBytes?: number;
}

export interface Ran {
  /** The logits, and hidden states behind them. */
  readonly result: number[];
  readonly states: number[][];
  readonly dispatches: number;
}

export async function runWritten(
  device: Device,
  { list, tables, weights, states }: Written,
  { passes = 1, bufferBytes, ...options }: RunOptions = {},
): Promise<Ran> {
  const held = await Weights.open(
    device,
    weights.map(({ of }) => of),
    bufferBytes,
  );
  const replay = await Replay.open(device, held, states[0]?.length ?? 0, options);
  try {
    for (const [id, { bytes }] of weights.entries()) {
      const middle = Math.floor(bytes.length / 2); // in two pieces, that need not be whole words
      held.upload(id, 0, bytes.subarray(0, middle));
      held.upload(id, middle, bytes.subarray(middle));
    }
    await replay.states.reserve(states.length);
    for (const [slot, state] of states.entries()) replay.states.upload(slot, Float32Array.from(state));
    const words = Uint32Array.from(list);
    let result = new Float32Array();
    for (let pass = 0; pass < passes; pass++) result = await replay.run(words, Uint32Array.from(tables));
    const after = await Promise.all(states.map(async (_, slot) => [...(await replay.states.download(slot))]));
    return { result: [...result], states: after, dispatches: await replay.dispatches(words) };
  } finally {
    replay.destroy();
  }
}
