// Nothing is asked of the network but what was asked for: Node runs with a preload that writes down every question and refuses it.
// Of the page in Chromium the same is held by tests/browser/page.test.ts and tests/package/pages.test.ts.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { cli, ended, folder, oracle } from './command.js';
import { start, stop } from './server.js';

const { path, remove } = folder();
afterAll(remove);

const preload = pathToFileURL(fileURLToPath(new URL('no-network.mjs', import.meta.url))).href;
const env = {
  NODE_OPTIONS: `--import "${preload}"`,
  ASKED_FILE: path('asked'),
  RWKV_WASM_CACHE: path('store'),
};
const asked = () => (existsSync(env.ASKED_FILE) ? readFileSync(env.ASKED_FILE, 'utf8') : '');
beforeEach(() => rmSync(env.ASKED_FILE, { force: true }));

const node = (args: readonly string[], input?: string) =>
  ended(spawn(process.execPath, args, { stdio: 'pipe', env: { ...process.env, ...env } }), input);
const program = (lines: string) =>
  node([
    '--input-type=module',
    '-e',
    `import { RWKV } from ${JSON.stringify(pathToFileURL(cli.replace(/cli\.js$/, 'node.js')).href)};\n${lines}`,
  ]);

describe('nothing is asked of the network', () => {
  test.each([
    ['the storyteller', 'undefined, { threads: 2 }'],
    ['a path', `${JSON.stringify(oracle)}, { tokenizer: 'bytes' }`],
  ])('by a program that loads %s and writes', async (_, source) => {
    const { code, stderr } = await program(`
      const model = await RWKV.load(${source});
      const session = await model.createSession();
      await session.complete('Once', { maxTokens: 3 }).result;
      await model.dispose();`);
    expect([code, stderr, asked()]).toEqual([0, '', '']);
  });

  const usual = ['--max-tokens', '3'];
  const bytes = ['--tokenizer', 'bytes'];
  test.each([
    [['complete', 'Once', ...usual], undefined],
    [['complete', 'Once', '--model', oracle, ...bytes, ...usual], undefined],
    [['chat', ...usual], 'Hello\n'],
    [['batch', 'prompts.jsonl', 'results.jsonl', ...usual], undefined],
    [['inspect', oracle], undefined],
    [['convert', oracle, 'converted.safetensors'], undefined],
    [['perplexity', 'text.txt', '--model', oracle, ...bytes], undefined],
    [['models', 'list'], undefined],
    [['models', 'known'], undefined],
    [['models', 'usage'], undefined],
    [['--help'], undefined],
    [['--version'], undefined],
  ])('by the command %j', async (args, input) => {
    writeFileSync(path('prompts.jsonl'), '{"prompt":"Once"}\n');
    writeFileSync(path('text.txt'), 'Once upon a time');
    const placed = args.map((arg) => (/^[a-z]+\.(jsonl|txt|safetensors)$/.test(arg) ? path(arg) : arg));
    const { code, stderr } = await node([cli, ...placed], input);
    expect(code, stderr).toBe(0);
    expect(asked()).toBe('');
  });

  test('by a server that is asked', async () => {
    const server = await start([], env);
    const params = { model: 'any', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 3 } as const;
    const { choices } = await server.client.chat.completions.create({
      ...params,
      messages: [...params.messages],
    });
    expect(choices).toHaveLength(1);
    await stop(server);
    expect(asked()).toBe('');
  });
});

test.each([
  ['fetch', "await fetch('http://example.invalid/')"],
  ['an address', "await fetch('http://192.0.2.1/')"],
  [
    'a thread',
    "const { Worker } = await import('node:worker_threads'); new Worker('fetch(\"http://192.0.2.1/\").catch(() => {})', { eval: true })",
  ],
  ['a name', "await (await import('node:dns/promises')).resolve('example.invalid')"],
  ['a load of a URL', "await RWKV.load('http://192.0.2.1/model.pth')"],
])('the preload hears of %s', async (_, line) => {
  await program(line);
  expect(asked()).not.toBe('');
});
