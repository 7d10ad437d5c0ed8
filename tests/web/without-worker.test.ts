// Scopes without workers, as service workers, worklets and edge runtimes are: the browser's door says what to do there.
import { afterEach, expect, test, vi } from 'vitest';
import { RWKV, RwkvError, store } from '../../dist/index.js';
import { failure } from './streams.js';

afterEach(() => vi.unstubAllGlobals());

test.each([
  [
    'ServiceWorkerGlobalScope',
    /^models run in a Worker, which service workers cannot start: .*offscreen document/,
  ],
  ['WorkletGlobalScope', /^models run in a Worker, which worklets cannot start: load the model in the page/],
  ['EdgeRuntime', /^models run in a Worker, which this runtime does not have: .*Node, Deno and Bun/],
])('where there is %s', async (scope, message) => {
  expect('Worker' in globalThis || 'location' in globalThis).toBe(false); // Node lends its own scope
  vi.stubGlobal(scope, class {});
  const url = 'https://example.com/model.pth';
  for (const open of [
    () => RWKV.load(),
    () => RWKV.load(url),
    () => RWKV.load(new Uint8Array(8)),
    () => RWKV.inspect(url),
    () => RWKV.convert(url).next(),
    () => store.download(url),
  ]) {
    const error = await failure(open());
    expect(error).toBeInstanceOf(RwkvError);
    expect([error.code, error.message]).toEqual(['unsupported', expect.stringMatching(message)]);
  }
  const relative = await failure(RWKV.load('model.pth'));
  expect([relative.code, relative.message]).toEqual(['invalid-argument', "source: 'model.pth' is no URL"]);
});
