// What a device refuses or loses is told with a code, and nothing waits for ever.
import { expect } from 'vitest';
import { Replay } from '../../../dist/worker/gpu/replay.js';
import { newDevice, onDevice } from './dawn.js';
import { elementwise } from './equations.js';
import { ListWriter } from './list-writer.js';

async function small() {
  const device = await newDevice();
  if (!device) throw new Error('no device');
  const list = new ListWriter([1]);
  const x = list.input(4, [1, 2, 3, 4]);
  const written = list.end(x);
  const replay = await Replay.open(device, { weights: written.weights.map(({ of }) => of), stateFloats: 70 });
  for (const [id, { bytes }] of written.weights.entries()) replay.weights.upload(id, 0, bytes);
  const run = () => replay.run(Uint32Array.from(written.list), Uint32Array.from(written.tables));
  return { device, replay, run };
}

onDevice('a device that is given back ends passes that wait, and refuses others', async () => {
  const { device, replay, run } = await small();
  const slot = await replay.states.acquire();
  expect([...((await run()).logits ?? [])]).toEqual([1, 2, 3, 4]);
  const waiting = run();
  const download = replay.states.download(slot);
  device.destroy();
  await expect(waiting).rejects.toMatchObject({ code: 'disposed' });
  await expect(download).rejects.toMatchObject({ code: 'disposed' });
  await expect(run()).rejects.toMatchObject({ code: 'disposed' });
});

onDevice('what the device cannot bind or read is refused, and the device goes on', async () => {
  const { device, replay, run } = await small();
  const open = (dtype: string, rows: number, cols: number, kind: 'matrix' | 'vector' = 'matrix') =>
    Replay.open(device, { weights: [{ kind, dtype, rows, cols }], stateFloats: 4 });
  await expect(open('q5', 8, 32)).rejects.toMatchObject({ code: 'unsupported', message: /matrix in q5/ });
  await expect(open('F32', 1, 2 ** 40, 'vector')).rejects.toMatchObject({ code: 'unsupported' });
  await expect(
    device.make('a program', () => {
      device.gpu.createShaderModule({ code: 'fn main( {' });
    }),
  ).rejects.toMatchObject({ code: 'device-failed', message: /a program: / });
  expect((await run()).logits).toHaveLength(4);
  replay.destroy();
  device.destroy();
});

onDevice('states have slots of their own that can be copied, whatever number of them there is', async () => {
  const { device, replay } = await small();
  const { states } = replay;
  const state = (seed: number) => Float32Array.from(elementwise(70, (i) => seed + i));
  const slots: number[] = [];
  for (let i = 0; i < 9; i++) {
    const slot = await states.acquire();
    states.upload(slot, state(100 * i));
    slots.push(slot);
  }
  expect(new Set(slots).size).toBe(9);
  const [first = -1, second = -1, third = -1] = slots;
  states.copy(third, first);
  states.release(second);
  expect(await states.acquire()).toBe(second);
  for (const [i, slot] of slots.entries())
    expect(await states.download(slot)).toEqual(state(i === 0 ? 200 : 100 * i));
  expect(() => states.upload(first, new Float32Array(69))).toThrow('69 floats; expected 70');
  replay.destroy();
  device.destroy();
});
