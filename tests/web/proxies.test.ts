// Frameworks put Proxies before what they are given. All that the package hands out works behind them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { reactive, ref, shallowReactive } from '@vue/reactivity';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rwkv } from '../../dist/adapters/ai-sdk-node.js';
import { openai } from '../../dist/adapters/openai-node.js';
import { languageModel } from '../../dist/adapters/prompt-api-node.js';
import { type Model, RWKV, store } from '../../dist/node.js';
import { oracle } from './command.js';

/** As valtio does: own properties are written through the Proxy, what is an object as a Proxy of its own. */
function writtenThrough<T extends object>(value: T): T {
  const proxy = new Proxy(value, {});
  for (const [key, member] of Object.entries(value))
    if (Object.getOwnPropertyDescriptor(value, key)?.writable)
      Reflect.set(proxy, key, typeof member === 'object' && member ? writtenThrough(member) : member);
  return proxy;
}

// What Vue's types make of a generic type is not known to be that type.
const heldBy = (box: object) => Reflect.get(box, 'value');

const wrappers: readonly [string, <T extends object>(value: T) => T][] = [
  ['a Proxy', (value) => new Proxy(value, {})],
  [
    'a Proxy whose traps hand on the receiver',
    (value) => new Proxy(value, { get: (...all) => Reflect.get(...all) }),
  ],
  ['a Proxy of a Proxy', (value) => new Proxy(new Proxy(value, {}), {})],
  ['a Proxy that writes through', writtenThrough],
  ['reactive() of Vue', (value) => heldBy(reactive({ value }))],
  ['shallowReactive() of Vue', (value) => shallowReactive({ value }).value],
  ['ref() of Vue', (value) => heldBy(ref(value))],
];

describe.each(wrappers)('behind %s', (_, wrap) => {
  let model: Model;
  beforeAll(async () => {
    model = wrap(await wrap(RWKV).load(oracle, { tokenizer: 'bytes' }));
  });
  afterAll(() => model.dispose());

  test('a model and its sessions do all that they do', async () => {
    const session = wrap(await model.createSession({ seed: 1 }));
    expect(await model.detokenize(await model.tokenize('fox'))).toBe('fox');
    await session.append('Once');
    const pieces: string[] = [];
    const completion = wrap(session.complete('', { maxTokens: 4, ban: [0] }));
    for await (const piece of completion) pieces.push(piece);
    const { text } = await completion.result;
    expect(pieces.join('')).toBe(text);
    expect((await wrap(session.complete('', { maxTokens: 2, ban: [0] })).result).tokens).toHaveLength(2);
    await session.rewind();
    const other = wrap(await session.fork());
    expect(await other.save()).toEqual(await session.save());
    expect((await session.score('fox')).tokens).toHaveLength(3);
    await other.dispose();
    await expect(other.append('x')).rejects.toMatchObject({ code: 'disposed' });
    await wrap(await model.createSession()).dispose();
    expect(wrap(model.info).name).toBe('v7-bf16.pth');
  });

  test('what is given to a call may be one too', async () => {
    const session = await model.createSession(wrap({ seed: 1 }));
    await session.append(wrap([102, 111, 120]));
    const options = wrap({ maxTokens: 2, ban: wrap([0]), logitBias: wrap({ 5: -1 }), stop: wrap(['zzz']) });
    expect((await session.complete('', options).result).tokens).toHaveLength(2);
    const chat = session.chat(
      wrap([wrap({ role: 'user' as const, content: 'fox' })]),
      wrap({ maxTokens: 1 }),
    );
    await expect(chat.result).resolves.toBeDefined();
    const { files } = wrap({ files: await wrap(store).list() });
    expect(Array.isArray(files)).toBe(true);
  });

  test('adapters answer', async () => {
    const client = wrap(openai(model, wrap({ name: 'tiny' })));
    const params = wrap({ model: 'tiny', prompt: 'fox', max_tokens: 2, logit_bias: { 0: -100 } });
    expect((await wrap(client.completions).create(params)).choices).toHaveLength(1);
    let chunks = 0;
    for await (const _ of wrap(await client.completions.create({ ...params, stream: true }))) chunks++;
    expect(chunks).toBeGreaterThan(0);

    const language = wrap(languageModel(model, { defaults: { maxTokens: 2, ban: [0] } }));
    let heard = 0;
    const session = wrap(
      await language.create({
        monitor: (monitor) => wrap(monitor).addEventListener('downloadprogress', () => heard++),
      }),
    );
    session.addEventListener('contextoverflow', () => {});
    expect(await session.prompt('fox')).toBeTypeOf('string'); // of blanks, it may be empty
    expect(session.contextUsage).toBeGreaterThan(0);
    expect(session.topK).toBeGreaterThan(0);
    expect(heard).toBe(2);
    wrap(await session.clone()).destroy();
    session.destroy();

    const sdk = wrap(rwkv(model, { name: 'tiny' }));
    const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'fox' }] }];
    const { content } = await sdk.doGenerate({ prompt, maxOutputTokens: 2 });
    expect(content).toHaveLength(1);
    await Promise.all([client.dispose(), language.dispose(), sdk.dispose()]);
  });
});

test('a component that is mounted, unmounted at once and mounted again has its model', async () => {
  const mount = () => {
    const controller = new AbortController();
    const loading = RWKV.load(oracle, { tokenizer: 'bytes', signal: controller.signal });
    const unmount = () => {
      controller.abort();
      return loading.then((model) => model.dispose()).catch(() => {});
    };
    return { loading, unmount };
  };
  const first = mount();
  void first.unmount();
  const second = mount();
  await expect(first.loading).rejects.toMatchObject({ name: 'AbortError' });
  expect(await (await second.loading).tokenize('a')).toEqual([97]);
  await second.unmount();
});

test('every class that the doors hand out ties its members to itself', () => {
  const handedOut = /@internal|extends EventTarget|implements (AsyncIterable|LanguageModel)/;
  const web = join(import.meta.dirname, '../../web');
  const files = readdirSync(web, { recursive: true, encoding: 'utf8' })
    .filter((file) => /^(page|adapters)\/.*\.ts$/.test(file))
    .map((file) => ({ file, source: readFileSync(join(web, file), 'utf8') }))
    .filter(
      ({ source }) =>
        /^export class/m.test(source) && handedOut.test(source) && /^ {2}(readonly )?#/m.test(source),
    );
  expect(files.length).toBeGreaterThanOrEqual(7);
  for (const { file, source } of files) expect(source, file).toContain('bindMembers(this);');
});
