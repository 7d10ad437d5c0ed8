// Whoever holds a conversation writes it as the model was taught to, which the model's name tells, through whatever door.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generateText } from 'ai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ModelSource } from '../../dist/node.js';
import { templateFor } from '../../dist/page/chat/template.js';
import { ended, folder, startAt } from './command.js';
import { type FakePackage, fakePackage } from './fake/package.js';
import { killAll, start, stop } from './server.js';

/** What a model that echoes says of `Hi`. */
const world = 'User: Hi||Assistant:';
const g1 = 'User: Hi||Assistant: (think)(/think';
const plain = 'Hi';

const echoing = 'fake echoes';
const { path, remove } = folder();
let fake: FakePackage;
beforeAll(async () => {
  fake = await fakePackage();
  writeFileSync(join(fake.folder, 'dist', 'storyteller', 'rwkv7-tales-8.0M-q4.safetensors'), echoing);
});
afterAll(() => {
  killAll();
  fake.remove();
  remove();
});

const messages = [{ role: 'user', content: 'Hi' }] as const;
const at = (...parts: string[]) => join(fake.folder, 'dist', ...parts);

interface Format {
  readonly template?: 'world' | 'g1';
  readonly think?: 'auto';
}
type Door = (source: ModelSource | undefined, format: Format) => Promise<string>;

const bytes = (source: ModelSource | undefined) =>
  source === undefined ? {} : { tokenizer: 'bytes' as const };

/** How each door answers `Hi`. */
const here: Readonly<Record<string, Door>> = {
  async 'session.chat'(source, format) {
    const model = await fake.RWKV.load(source, bytes(source));
    const session = await model.createSession();
    const { result } = session.chat(messages, format);
    return (await result.finally(() => model.dispose())).text;
  },
  async openai(source, chat) {
    const door: typeof import('../../dist/adapters/openai-node.js') = await import(
      at('adapters', 'openai-node.js')
    );
    const client = door.openai(source, { ...bytes(source), chat });
    const answer = client.chat.completions.create({ messages: [...messages] });
    return (await answer.finally(() => client.dispose())).choices[0]?.message.content ?? '';
  },
  async 'prompt-api'(source, format) {
    const door: typeof import('../../dist/adapters/prompt-api-node.js') = await import(
      at('adapters', 'prompt-api-node.js')
    );
    const factory = door.languageModel(source, { ...bytes(source), ...format });
    const reply = factory.create().then((session) => session.prompt('Hi'));
    return reply.finally(() => factory.dispose());
  },
  async 'ai-sdk'(source, format) {
    const door: typeof import('../../dist/adapters/ai-sdk-node.js') = await import(
      at('adapters', 'ai-sdk-node.js')
    );
    const model = door.rwkv(source, { ...bytes(source), ...format });
    const { text } = await generateText({ model, prompt: 'Hi' }).finally(() => model.dispose());
    return text;
  },
};

/** The same of the command line, which takes paths alone. */
const atTheTerminal: Readonly<Record<string, Door>> = {
  async serve(source, { template, think }) {
    const format = [...flag('--chat-template', template), ...flag('--think', think)];
    const server = await start([...modelFlags(source), ...format], {}, at('cli.js'));
    const request = { model: 'any', messages: [...messages] };
    const { choices } = await server.client.chat.completions.create(request);
    await stop(server);
    return choices[0]?.message.content ?? '';
  },
  async 'rwkv-wasm chat'(source, { template, think }) {
    const format = [...flag('--template', template), ...flag('--think', think)];
    const child = startAt(at('cli.js'), 'chat', '--threads', '1', ...modelFlags(source), ...format);
    const { stdout, stderr } = await ended(child, 'Hi\n');
    expect(stderr).toBe('');
    return stdout.slice(0, -1);
  },
};

const modelFlags = (source: ModelSource | undefined) =>
  source === undefined ? [] : ['--model', String(source), '--tokenizer', 'bytes'];
const flag = (name: string, value: string | undefined) => (value === undefined ? [] : [name, value]);

/** A file of a name, which may lie in folders. */
function file(...name: string[]): string {
  const whole = join(path(name.join('-')), ...name); // in a folder of its own
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, echoing);
  return whole;
}

const worldFile = () => file('RWKV-x060-World-1B6-v2.1-20240328-ctx4096.pth');
const g1File = () => file('rwkv7-g1a4-2.9b-20251118-ctx8192.pth');

type Chat = readonly [what: string, source: () => ModelSource | undefined, format: Format, written: string];
const chats: readonly Chat[] = [
  ['a World model', worldFile, {}, world],
  ['a G1 model', g1File, {}, g1],
  ['a G1 model in capitals', () => file('RWKV7-G1-0.1B.gguf'), {}, g1],
  ['a model that only looks like one', () => file('chatting1.pth'), {}, world],
  ['a model in a folder of that name', () => file('rwkv7-g1', 'model.pth'), {}, world],
  ['a G1 model that thinks as it likes', g1File, { think: 'auto' }, world],
  ['a G1 model, told otherwise', g1File, { template: 'world' }, world],
  ['a World model, told otherwise', worldFile, { template: 'g1' }, g1],
  ['the storyteller, told otherwise', () => undefined, { template: 'g1' }, g1],
];
const chatsHere: readonly Chat[] = [
  ['bytes', () => new TextEncoder().encode(echoing), {}, world],
  ['a file that was chosen', () => new File([echoing], 'rwkv7_g1c.st'), {}, g1],
];

test.each([
  ...Object.entries(here).flatMap(([name, door]) =>
    [...chats, ...chatsHere].map((chat) => [name, ...chat, door] as const),
  ),
  ...Object.entries(atTheTerminal).flatMap(([name, door]) =>
    chats.map((chat) => [name, ...chat, door] as const),
  ),
])('%s with %s', async (_name, _what, source, format, written, door) => {
  expect(await door(source(), format)).toBe(written);
});

// Where messages have roles, these are written: the storyteller reads them as it reads all else.
test.each([
  ['session.chat', world],
  ['openai', world],
  ['prompt-api', plain],
  ['ai-sdk', plain],
  ['serve', world],
  ['rwkv-wasm chat', plain],
])('%s with the storyteller', async (name, written) => {
  expect(await { ...here, ...atTheTerminal }[name]?.(undefined, {})).toBe(written);
});

test.each(Object.entries(here))('%s refuses to let a World model think', async (_, door) => {
  await expect(door(worldFile(), { think: 'auto' })).rejects.toThrow(
    /think'?: expected to come with the template 'g1'; found 'world'/,
  );
});

test.each([
  ['g1', 'rwkv7-g1-0.1b-20250307-ctx4096.pth', 'RWKV7-G1a', 'rwkv7_g1_0.4b.st', 'g1c', 'RWKV-7-G1D.gguf'],
  ['g1', 'rwkv7-g1a4-2.9b-20251118-ctx8192.pth', 'rwkv7-0.1B-g1-F16.gguf', 'rwkv7a-g1b-0.1b-20250819.pth'],
  ['g1', 'rwkv7-g0-7.2b-20250722-ctx4096.pth', 'rwkv7-g0a3-7.2b-20251029-ctx8192.pth'],
  ['world', 'chatting1.pth', 'big1.pth', 'rwkv7-g10-1b.pth', 'g1ant.pth', 'rwkv7-g1a22.pth', 'bytes', ''],
  ['world', 'RWKV-x070-World-1.5B-v3-20250127-ctx4096.pth', 'rwkv7-g2-1b.pth', 'model.safetensors'],
  ['none', 'rwkv7-tales-8.0M-q4.safetensors'],
])('the template %s is that of %s', (template, ...names) => {
  for (const name of names) expect([name, templateFor({ name })]).toEqual([name, template]);
});
