// Models of every version on a device, beside the authors' logits and this processor.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { DevicePasses } from '../../../dist/worker/gpu/passes.js';
import type { Quantization } from '../../../dist/shared/types.js';
import { unwrap, type WasmModel, type WasmModule, type WasmSession } from '../../../dist/worker/module.js';
import { maxDifference, modelFolder, oracleOf } from '../oracles.js';
import { onDevice, sharedDevice } from './dawn.js';
import { sourceOf, startGpu, startLoading, startProcessor } from './device.js';

const tolerance = 5e-4; // between sums of floats in different orders
const tokens = Int32Array.from(oracleOf('v7-bf16.pth')?.tokens ?? []); // (40)
const storyteller = fileURLToPath(
  new URL('../../../dist/storyteller/rwkv7-tales-8.0M-q4.safetensors', import.meta.url),
);
const fileOf = (path: string) => sourceOf(path, readFileSync(path));
const most = (sessions: readonly WasmSession[], count: number) => Int32Array.from(sessions, () => count);

async function load(path: string, quantization: Quantization | null, fuses = true): Promise<DevicePasses> {
  const module = await startGpu();
  const loading = startLoading(module, fileOf(path), quantization);
  const passes = await DevicePasses.load(sharedDevice(), module, loading, { fuses });
  loading.delete();
  return passes;
}

function loadHere(module: WasmModule, path: string, quantization: Quantization | null): WasmModel {
  const loading = unwrap(module.startLoading(fileOf(path), null, null, quantization, null, [], () => {}));
  for (let model = unwrap(loading.next()); ; model = unwrap(loading.next())) if (model) return model;
}

function create(model: Pick<DevicePasses['model'], 'createSession'>, prompt: Int32Array): WasmSession {
  const session = unwrap(model.createSession(7, 0, false, null));
  unwrap(session.prompt(prompt));
  return session;
}

function logitsOf(session: WasmSession): Float32Array {
  const logits = unwrap(session.logits());
  if (!logits) throw new Error('no logits');
  return logits;
}

function readHere(module: WasmModule, session: WasmSession): Float32Array {
  while (session.pending() > 0) unwrap(module.advance([session], most([session], 32)));
  return logitsOf(session);
}

const modelsOfVersions = ['v4-bf16.pth', 'v50.pth', 'v52-fp16.pth', 'v6-bf16.pth', 'v7-bf16.pth', 'v7a.pth'];

// Of passes of many rows the steps run alone: the software driver takes seconds for each program that joins products of them.
const ways = [
  { name: 'in chunks', counts: [32], fuses: false },
  { name: 'in batches', counts: [5, 2, 3], fuses: false },
  { name: 'token by token', counts: [1], fuses: true },
];

onDevice.each(modelsOfVersions)(
  '%s gives its logits: in chunks, in batches and token by token',
  async (name) => {
    const processor = await startProcessor();
    const here = loadHere(processor, `${modelFolder}${name}`, 'f32');
    const expected = readHere(processor, create(here, tokens));
    const oracle = oracleOf(name)?.logits;
    if (oracle) expect(maxDifference(expected, oracle)).toBeLessThan(tolerance);
    for (const { counts, fuses } of ways) {
      const passes = await load(`${modelFolder}${name}`, 'f32', fuses);
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

// Of q4 the processor also rounds activations, to 8 bits.
onDevice('the storyteller in q4 goes on as on the processor for 200 tokens', async () => {
  const processor = await startProcessor();
  const here = create(loadHere(processor, storyteller, null), tokens.slice(0, 3));
  const passes = await load(storyteller, null);
  const there = create(passes.model, tokens.slice(0, 3));
  const gaps: number[] = [];
  let worst = 0;
  for (let i = 0; i < 200; i++) {
    const expected = readHere(processor, here);
    while (await passes.advance([there], most([there], 1)));
    const found = logitsOf(there);
    worst = Math.max(worst, maxDifference(found, expected));
    const [first = 0, second = 0] = [...expected].sort((a, b) => b - a);
    const likeliest = expected.indexOf(first);
    if (found.indexOf(Math.max(...found)) !== likeliest) gaps.push(first - second);
    for (const session of [here, there]) unwrap(session.prompt(Int32Array.of(likeliest)));
  }
  console.log(
    `storyteller: furthest logit ${worst}, other tokens where the gap was ${gaps.join(', ') || 'no'}`,
  );
  expect(Math.max(0, ...gaps)).toBeLessThan(1e-2);
});
