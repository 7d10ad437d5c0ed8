// Whether a device is believed. In its place: another model of the processor, which computes something else.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkedLayers, isSlower, requireAgreement } from '../../../dist/worker/gpu/check.js';
import type { DevicePasses } from '../../../dist/worker/gpu/passes.js';
import { PrefixCache } from '../../../dist/worker/prefix-cache.js';
import { loadHere } from '../../../dist/worker/processor.js';
import { modelFolder } from '../oracles.js';
import { sourceOf, startProcessor } from './device.js';

const module = await startProcessor();
const quiet = { breathe: async () => {}, tellKernels() {}, report() {} };
const wishes = { quantization: 'f32', kernels: null, fastKernels: [] } as const;

function load(name: string, layers?: number) {
  const source = sourceOf(name, readFileSync(`${modelFolder}${name}`));
  return loadHere(module, wishes, { source, lora: null, vocabulary: null }, quiet, layers);
}

type Passes = Pick<DevicePasses, 'model' | 'advance'>;

/** What computes as that model does, each pass some ms later. */
async function deviceLike(name: string, layers = checkedLayers, ms = 0): Promise<Passes> {
  const { model, makeComputer } = await load(name, layers);
  const computer = makeComputer(new PrefixCache(0, 1));
  return {
    model: model as unknown as DevicePasses['model'],
    async advance(sessions, most) {
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
      await computer.advance([...sessions], most);
      return true;
    },
  };
}

test('a device that computes what the processor does is believed', async () => {
  await requireAgreement(await deviceLike('v7-bf16.pth'), await load('v7-bf16.pth', checkedLayers));
});

test('one that computes anything else is not', async () => {
  const here = await load('v7-bf16.pth', checkedLayers);
  for (const other of ['v7a.pth', 'v6-bf16.pth'])
    await expect(requireAgreement(await deviceLike(other), here)).rejects.toMatchObject({
      code: 'device-failed',
      message: expect.stringMatching(/^it computes wrongly: behind 2 layers its logits are (\d+|NaN) % off$/),
    });
});

test('one that is slower than the processor would be is told', async () => {
  const here = await load('v7-bf16.pth', checkedLayers);
  const share = { all: 2, checked: 1 };
  expect(await isSlower(await deviceLike('v7-bf16.pth', checkedLayers, 50), here, share)).toBe(true);
  expect(await isSlower(await deviceLike('v7-bf16.pth'), here, { all: 1000, checked: 1 })).toBe(false);
});

test('a model of the first layers reads no others', async () => {
  const { model } = await load('v7-bf16.pth', 1);
  expect(model.info()).toMatchObject({ layers: 1, version: '7' });
  expect(model.info().bytes).toBeLessThan((await load('v7-bf16.pth')).model.info().bytes);
});
