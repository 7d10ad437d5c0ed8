// Sessions that are dropped without being disposed.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Model, RWKV } from '../../dist/node.js';
import { Client } from '../../dist/page/client.js';
import { oracle } from './command.js';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

let model: Model;
beforeAll(async () => {
  model = await RWKV.load(oracle, { tokenizer: 'bytes' });
});
afterAll(() => model.dispose());

test('are given back, those in use and those that were disposed are not', async () => {
  const call = vi.spyOn(Client.prototype, 'call');
  const disposals = () => call.mock.calls.filter(([op]) => op === 'disposeSession').length;
  const kept = await model.createSession();
  const iterator = kept.complete('Once', { maxTokens: 4, ban: [0] });
  await iterator.next();
  // Their work is over: a loop, an answer, a copy.
  const drop = async () => {
    const session = await model.createSession();
    await session.append('Once upon a time');
    for await (const _ of session.complete('', { maxTokens: 5, ban: [0] })) break;
    await session.fork();
    await (await model.createSession()).dispose();
  };
  for (let i = 0; i < 4; i++) await drop();
  expect(disposals()).toBe(4);
  await vi.waitFor(
    () => {
      collect();
      expect(disposals()).toBe(4 + 8);
    },
    { timeout: 20_000, interval: 50 },
  );
  for await (const _ of iterator);
  expect((await iterator.result).tokens).toHaveLength(4);
  call.mockRestore();
});
