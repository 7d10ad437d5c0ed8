// Files named hf: from a mirror of the hub, and who is told who asks.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type HubOptions, type LoadOptions, RWKV, store } from '../../dist/node.js';
import { addressOf, hubOf } from '../../dist/store/hub.js';
import { ended, oracle, start } from './command.js';
import { type ModelServer, modelServer } from './model-server.js';
import { folder, server } from './store-room.js';
import { failure } from './streams.js';

const model = readFileSync(oracle);
const name = 'hf:owner/model/sub/model.pth@v1';
const path = '/owner/model/resolve/v1/sub/model.pth';
const token = 'hf_aSecret';

beforeEach(() => {
  for (const variable of ['HF_ENDPOINT', 'HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'])
    vi.stubEnv(variable, undefined);
});

async function load(source: string, options: LoadOptions = {}): Promise<void> {
  await (await RWKV.load(source, { tokenizer: 'bytes', ...options })).dispose();
}
const asked = () => server.asked.map(({ path, authorization }) => [path, authorization]);
/** All that the store has written down. */
const written = () =>
  readdirSync(folder)
    .map((file) => `${file} ${readFileSync(join(folder, file), 'latin1')}`)
    .join();

describe('a mirror of the hub', () => {
  test.each([
    ['HF_ENDPOINT', (site: string) => vi.stubEnv('HF_ENDPOINT', site)],
    ['HF_ENDPOINT with a slash', (site: string) => vi.stubEnv('HF_ENDPOINT', `${site}/`)],
  ])('is named by %s', async (_, say) => {
    say(server.site);
    server.files.set(path, { body: model });
    await load(name);
    expect(asked()).toEqual([[path, undefined]]);
  });

  test('is named by an option of whatever asks, which goes before the environment', async () => {
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9');
    const hub = { endpoint: new URL(server.site), token };
    server.files.set(path, { body: model });
    const doors: readonly (() => Promise<unknown>)[] = [
      () => load(name, { hub }),
      () => load(name, { hub, cache: false }),
      () => RWKV.inspect(name, { hub }),
      () => RWKV.convert(name, { hub }).next(),
      () => store.download(name, { hub }),
    ];
    for (const open of doors) {
      await store.clear();
      server.asked.length = 0;
      await open();
      expect(asked()).toEqual([[path, `Bearer ${token}`]]);
      expect(written()).not.toContain(token);
    }
  });

  test('serves vocabularies and states too', async () => {
    const hub = { endpoint: server.site, token };
    const loaded = await RWKV.load(model, { tokenizer: 'bytes', hub });
    const session = await loaded.createSession();
    await session.append('In a');
    server.files.set('/a/b/resolve/main/state', { body: await session.save() });
    await loaded.createSession({ state: 'hf:a/b/state' });
    await loaded.dispose();
    await failure(load(oracle, { hub, tokenizer: 'hf:a/b/none.txt' }));
    expect(asked()).toEqual([
      ['/a/b/resolve/main/state', `Bearer ${token}`],
      ['/a/b/resolve/main/none.txt', `Bearer ${token}`],
    ]);
  });

  test('has the files of the hub: what came from one is not asked of the other', async () => {
    server.files.set(path, { body: model });
    await load(name, { hub: { endpoint: server.site } });
    await load(name, { hub: { endpoint: 'http://127.0.0.1:9' }, allowNetwork: false });
    await load(name, { allowNetwork: false });
    const url = 'https://huggingface.co/owner/model/resolve/v1/sub/model.pth';
    expect(await store.list()).toMatchObject([{ url, complete: true }]);
    expect(await store.delete(name)).toBe(true);
  });

  test('may lie below a path', () => {
    const hub = hubOf({ endpoint: 'https://example.com/api/hub/' });
    expect(addressOf('https://huggingface.co/a/b/resolve/main/c', true, hub)).toMatchObject({
      url: 'https://example.com/api/hub/a/b/resolve/main/c',
    });
  });

  test('is named at the command line', async () => {
    vi.stubEnv('HF_TOKEN', `${token}\n`);
    server.files.set(path, { body: model });
    for (const args of [
      ['models', 'download', name],
      ['inspect', name],
      ['convert', name, join(folder, 'packed.safetensors')],
      ['complete', 'ab', '--max-tokens', '1', '--model', name, '--tokenizer', 'bytes'],
    ]) {
      await store.clear();
      server.asked.length = 0;
      const { code, stderr } = await ended(start(...args, '--hub-endpoint', server.site));
      expect([code, stderr]).toEqual([0, expect.not.stringContaining(token)]);
      expect(asked()).toEqual([[path, `Bearer ${token}`]]);
    }
  });
});

describe('a token', () => {
  let other: ModelServer;
  beforeEach(async () => {
    other = await modelServer();
  });
  afterEach(() => other.close());
  const hub = () => ({ endpoint: server.site, token });

  test.each([
    [{ HF_TOKEN: token }, token],
    [{ HUGGING_FACE_HUB_TOKEN: token }, token],
    [{ HF_TOKEN: token, HUGGING_FACE_HUB_TOKEN: 'other' }, token],
    [{ HF_TOKEN: '', HUGGING_FACE_HUB_TOKEN: ` ${token}\n` }, token],
  ])('of %j is sent to the hub', async (variables, expected) => {
    for (const [variable, value] of Object.entries(variables)) vi.stubEnv(variable, value);
    server.files.set(path, { body: model });
    await load(name, { hub: { endpoint: server.site } });
    expect(asked()).toEqual([[path, `Bearer ${expected}`]]);
  });

  test('is sent for whole URLs of the hub, and to no other origin', async () => {
    server.files.set('/model.pth', { body: model });
    other.files.set('/model.pth', { body: model });
    await load(`${server.site}/model.pth`, { hub: hub() });
    await load(`${other.site}/model.pth`, { hub: hub() });
    expect(asked()).toEqual([['/model.pth', `Bearer ${token}`]]);
    expect(other.asked).toMatchObject([{ path: '/model.pth', authorization: undefined }]);
  });

  test('does not follow a redirect to another origin, nor for the rest of a file', async () => {
    const body = Buffer.concat([model, Buffer.alloc(500_000)]);
    server.files.set(path, { body, location: `${other.site}/cdn` });
    other.files.set('/cdn', { body, drops: [300_000] });
    await store.download(name, { hub: hub() });
    expect(asked()).toEqual(Array(2).fill([path, `Bearer ${token}`]));
    expect(other.asked.map(({ range, authorization }) => [range, authorization])).toEqual([
      [undefined, undefined],
      ['bytes=300000-', undefined],
    ]);
  });

  test.each([
    [401, undefined, /it is gated, private or not there: .*HF_TOKEN or the option hub\.token says who asks$/],
    [401, token, /the token is wrong or no longer counts$/],
    [403, undefined, /asks for access to a gated model, and HF_TOKEN/],
    [403, token, /the token may not read it: on its page one asks for access/],
    [404, undefined, /owner, repository, file and @revision have to be/],
  ])('missing or wrong: the answer %i with the token %s says what to do', async (status, said, message) => {
    server.files.set(path, { body: model, status });
    const error = await failure(load(name, { hub: { endpoint: server.site, token: said } }));
    expect([error.code, error.message]).toEqual(['read-failed', expect.stringMatching(message)]);
    expect(error.message).toContain(`${server.site}${path}: the server answered ${status}`);
    expect(`${error.message} ${written()}`).not.toContain(token);
  });
});

test.each<[HubOptions, Record<string, string>, RegExp]>([
  [{ endpoint: 'hf-mirror.com' }, {}, /^option hub\.endpoint: expected a URL of http or https/],
  [{ endpoint: 'ftp://x' }, {}, /^option hub\.endpoint/],
  [{ endpoint: 'https://user:secret@x' }, {}, /^option hub\.endpoint/],
  [{}, { HF_ENDPOINT: 'nowhere' }, /^HF_ENDPOINT: expected a URL.*'nowhere'/],
  [
    { token: 'a secret\n' },
    {},
    /^option hub\.token: expected letters, digits and signs without blanks; found '\.\.\.'$/,
  ],
  [{}, { HF_TOKEN: 'a secret' }, /^HF_TOKEN: expected letters, digits/],
  [{ token: 7 as unknown as string }, {}, /^option hub\.token: expected a text; found '\.\.\.'$/],
  [{ tokens: 'x' } as HubOptions, {}, /^option hub: expected only endpoint, token; found 'tokens'/],
  [7 as unknown as HubOptions, {}, /^option hub: expected an object; found 7/],
])('%j with %j is refused', async (hub, variables, message) => {
  for (const [variable, value] of Object.entries(variables)) vi.stubEnv(variable, value);
  for (const work of [load(name, { hub }), store.download(name, { hub })]) {
    const error = await failure(work);
    expect([error.code, error.message]).toEqual(['invalid-argument', expect.stringMatching(message)]);
  }
});
