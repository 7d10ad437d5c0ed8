// Which kernels are in use: what turns out to be fast is told, and later models start with it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakePackage, fakeModel, fakePackage } from './fake/package.js';

let fake: FakePackage;
beforeAll(async () => {
  fake = await fakePackage();
});
afterAll(() => fake.remove());

test('a model tells its present kernels, and later ones of the process start with them', async () => {
  const load = (options: { build?: 'baseline' } = {}) =>
    fake.RWKV.load(fakeModel(), { tokenizer: 'bytes', ...options });
  const first = await load();
  const { info } = first;
  expect(info.kernels).toBe('q8 usual');
  const session = await first.createSession();
  await session.append([65, 213]); // of other matrices
  expect(first.info).toBe(info);
  await session.append([214]);
  expect(first.info).toEqual({ ...info, kernels: 'q8 fast' });

  const later = await load();
  expect(later.info.kernels).toBe('q8 fast');
  const ofAnotherBuild = await load({ build: 'baseline' });
  expect(ofAnotherBuild.info.kernels).toBe('q8 usual');
  for (const model of [first, later, ofAnotherBuild]) await model.dispose();
});
