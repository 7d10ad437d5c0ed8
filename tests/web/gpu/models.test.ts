// Models of every version on a device, beside the authors' logits and this processor.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Quantization } from '../../../dist/shared/types.js';
import { DevicePasses } from '../../../dist/worker/gpu/passes.js';
import { unwrap, type WasmModule, type WasmSession } from '../../../dist/worker/module.js';
import { maxDifference, modelFolder, oracleOf } from '../oracles.js';
import { onDevice, sharedDevice } from './dawn.js';
import { loadHere, logitsOf, sourceOf, startGpu, startLoading, startProcessor } from './device.js';

const tolerance = 5e-4; // between sums of floats in different orders
const tokens = Int32Array.from(oracleOf('v7-bf16.pth')?.tokens ?? []); // (40)
const fileOf = (path: string) => sourceOf(path, readFileSync(path));
const most = (sessions: readonly WasmSession[], count: number) => Int32Array.from(sessions, () => count);

async function load(path: string, quantization: Quantization, fuses = true): Promise<DevicePasses> {
  const module = await startGpu();
  const loading = startLoading(module, fileOf(path), quantization);
  const passes = await DevicePasses.load(sharedDevice(), module, loading, { fuses });
  loading.delete();
  return passes;
}

function create(model: Pick<DevicePasses['model'], 'createSession'>, prompt: Int32Array): WasmSession {
  const session = unwrap(model.createSession(7, 0, false, null));
  unwrap(session.prompt(prompt));
  return session;
}

function readHere(module: WasmModule, session: WasmSession): Float32Array {
  while (session.pending() > 0) unwrap(module.advance([session], most([session], 32)));
  return logitsOf(session);
}

// Of q8 and q4 the processor rounds activations too, to 8 bits, which the device does not: products.test.ts has their numbers.
const models = [
  ...['v4-bf16.pth', 'v50.pth', 'v52-fp16.pth', 'v6-bf16.pth', 'v7-bf16.pth', 'v7a.pth'].map((name) => ({
    name,
    format: 'f32' as const,
  })),
  { name: 'v7-bf16.pth', format: 'f16' as const },
];

// Of passes of many rows the steps run alone: the software driver takes seconds for each program that joins products of them.
const ways = [
  { name: 'in chunks', counts: [32], fuses: false },
  { name: 'in batches', counts: [5, 2, 3], fuses: false },
  { name: 'token by token', counts: [1], fuses: true },
];

onDevice.each(models)(
  '$name in $format gives its logits: in chunks, in batches and token by token',
  async ({ name, format }) => {
    const processor = await startProcessor();
    const here = loadHere(processor, fileOf(`${modelFolder}${name}`), format);
    const expected = readHere(processor, create(here, tokens));
    const oracle = oracleOf(name)?.logits;
    if (oracle) expect(maxDifference(expected, oracle)).toBeLessThan(tolerance);
    for (const { counts, fuses } of ways) {
      const passes = await load(`${modelFolder}${name}`, format, fuses);
      const sessions = counts.map(() => create(passes.model, tokens));
      while (await passes.advance(sessions, Int32Array.from(counts)));
      for (const session of sessions)
        expect(maxDifference(logitsOf(session), expected)).toBeLessThan(tolerance);
      if (fuses)
        console.log(
          `${name}, ${here.info().layers} layers: ${await passes.dispatches(1)} dispatches a token`,
        );
      passes.destroy();
    }
  },
);
