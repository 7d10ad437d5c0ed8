// What a device refuses or loses is told with a code, and nothing waits for ever.
import { expect } from 'vitest';
import { Replay } from '../../../dist/worker/gpu/replay.js';
import { Weights } from '../../../dist/worker/gpu/weights.js';
import { newDevice, onDevice } from './dawn.js';
import { elementwise } from './equations.js';
import { ListWriter } from './list-writer.js';

async function small() {
  const device = await newDevice();
  if (!device) throw new Error('no device');
  const list = new ListWriter([1]);
  const x = list.input(4, [1, 2, 3, 4]);
  const written = list.end(x);
  const weights = await Weights.open(
    device,
    written.weights.map(({ of }) => of),
  );
  for (const [id, { bytes }] of written.weights.entries()) weights.upload(id, 0, bytes);
  const replay = await Replay.open(device, weights, 70);
  const run = () => replay.run(Uint32Array.from(written.list), Uint32Array.from(written.tables));
  return { device, replay, run };
}

onDevice('a device that is given back ends passes that wait, and refuses others', async () => {
  const { device, replay, run } = await small();
  expect([...(await run())]).toEqual([1, 2, 3, 4]);
  const waiting = run();
  const download = replay.states.download(0);
  device.destroy();
  await expect(waiting).rejects.toMatchObject({ code: 'disposed' });
  await expect(download).rejects.toMatchObject({ code: 'disposed' });
  await expect(run()).rejects.toMatchObject({ code: 'disposed' });
});

onDevice('what the device cannot bind or read is refused, and the device goes on', async () => {
  const { device, replay, run } = await small();
  const open = (dtype: string, rows: number, cols: number, kind: 'matrix' | 'vector' = 'matrix') =>
    Weights.open(device, [{ kind, dtype, rows, cols }]);
  await expect(open('q5', 8, 32)).rejects.toMatchObject({ code: 'unsupported', message: /matrix in q5/ });
  await expect(open('F32', 1, 2 ** 40, 'vector')).rejects.toMatchObject({ code: 'unsupported' });
  await expect(
    device.make('a program', () => {
      device.gpu.createShaderModule({ code: 'fn main( {' });
    }),
  ).rejects.toMatchObject({ code: 'device-failed', message: /a program: / });
  expect(await run()).toHaveLength(4);
  replay.destroy();
  device.destroy();
});

onDevice('states have slots of their own that can be copied, whatever number of them there is', async () => {
  const { device, replay } = await small();
  const { states } = replay;
  const state = (seed: number) => Float32Array.from(elementwise(70, (i) => seed + i));
  states.upload(0, state(0));
  await states.reserve(9); // what is there stays
  for (let slot = 1; slot < 9; slot++) states.upload(slot, state(100 * slot));
  states.copy(2, 1);
  for (let slot = 0; slot < 9; slot++)
    expect(await states.download(slot)).toEqual(state(slot === 1 ? 200 : 100 * slot));
  expect(() => states.upload(0, new Float32Array(69))).toThrow('69 floats; expected 70');
  await expect(states.reserve(2 ** 40)).rejects.toMatchObject({ code: 'out-of-memory' });
  expect(await states.download(8)).toEqual(state(800));
  replay.destroy();
  device.destroy();
});
