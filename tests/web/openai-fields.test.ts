// What programs send besides: what says nothing is taken, what others call otherwise is understood, what is unknown is told.
import { describe, expect, test } from 'vitest';
import { createEndpoints, type Endpoints } from '../../dist/adapters/openai/endpoints.js';
import { RWKV } from '../../dist/node.js';
import { ignoredNames } from '../../dist/serve/ignored.js';
import { messages, model, prompt } from './embedded-client.js';
import { failure } from './streams.js';

const plain = { prompt, seed: 7, max_tokens: 12 };
const endpoints = (): Endpoints => createEndpoints(RWKV.load, model, { defaults: { ban: [5] } });

/** The texts, and what was not known. */
async function ask(path: 'chat' | 'completions', body: object) {
  let ignored: readonly string[] = [];
  const onIgnored = (names: readonly string[]) => {
    ignored = names;
  };
  const reply = await endpoints()[path](body, { onIgnored });
  if (!('choices' in reply)) throw new Error('no answer');
  return { choices: reply.choices, ignored };
}

describe('a parameter that says nothing', () => {
  const nothing = [null, false, '', [], {}];
  const names = ['suffix', 'grammar', 'guided_json', 'json_schema', 'structured_outputs', 'logit_bias'];
  const bodies: object[] = [
    ...names.flatMap((name) => nothing.map((value) => ({ [name]: value }))),
    ...[{ best_of: 1 }, { n: 1 }, { echo: false }, { stream: false }, { ignore_eos: false }, { stop: '' }],
    ...[{ stop: [] }, { stop: ['', 'xyzzy'] }, { stop: Array(64).fill('xyzzy') }, { stop_sequences: [''] }],
    ...[{ logprobs: false }, { top_k: -1 }, { top_k: 0 }, { min_p: 0 }, { typical_p: 1 }, { top_p: null }],
    ...[
      { stream_options: {} },
      { stream_options: { include_usage: true } },
      { response_format: { type: 'text' } },
    ],
    ...[{ response_format: {} }, { use_beam_search: false }, { stop_token_ids: [] }, { user: 'me' }],
    ...[{ temperature: 1 }, { presence_penalty: 0 }, { prediction: { type: 'content', content: 'a' } }],
  ];
  test.each(bodies)('%j changes nothing', async (body) => {
    expect(await ask('completions', { ...plain, ...body })).toEqual(await ask('completions', plain));
  });

  const chat = { messages, seed: 7, max_tokens: 8 };
  test.each([
    ...[{ logprobs: 0 }, { logprobs: false, top_logprobs: 0 }, { modalities: ['text'] }, { modalities: [] }],
    ...[{ audio: null }, { web_search_options: {} }, { response_format: { type: 'text' } }, { model: null }],
  ])('%j changes no chat', async (body) => {
    expect(await ask('chat', { ...chat, ...body })).toEqual(await ask('chat', chat));
  });
});

describe('a parameter of another name', () => {
  const stop = [' there'];
  test.each<[object, object]>([
    [{ max_completion_tokens: 5 }, { max_tokens: 5 }],
    [{ max_new_tokens: 5 }, { max_tokens: 5 }],
    [{ n_predict: 5 }, { max_tokens: 5 }],
    [{ max_completion_tokens: 5, max_tokens: 9 }, { max_tokens: 5 }],
    [{ stop_sequences: stop }, { stop }],
    [{ stop: 'xyzzy', stop_sequences: stop }, { stop }],
    [
      { max_tokens: -1, stop },
      { max_tokens: 1e6, stop },
    ],
    [{ ignore_eos: true }, { logit_bias: { 0: -100 } }],
    [{ logprobs: true }, { logprobs: 1 }],
    [{ seed: -2 }, { seed: 2 ** 53 - 2 }],
  ])('%j is %j', async (body, same) => {
    const { max_tokens: _, ...rest } = plain;
    expect(await ask('completions', { ...rest, ...body })).toEqual(
      await ask('completions', { ...rest, ...same }),
    );
  });

  test('a seed of -1 is another each time', async () => {
    const texts = await Promise.all(
      [1, 2, 3].map(async () => {
        const { choices } = await ask('completions', { ...plain, seed: -1, max_tokens: 40 });
        return JSON.stringify(choices);
      }),
    );
    expect(new Set(texts).size).toBeGreaterThan(1);
  });
});

describe('an unknown parameter', () => {
  test('is left out and told, wherever it stands', async () => {
    const body = {
      ...plain,
      ...{ mood: 1, repeat_penalty: 1.1, options: { num_ctx: 4096 }, min_tokens: 2, gone: null },
      stream_options: { continuous_usage_stats: true },
    };
    const { choices, ignored } = await ask('completions', body);
    expect(choices).toEqual((await ask('completions', plain)).choices);
    expect(ignored.toSorted()).toEqual(
      ['min_tokens', 'mood', 'options', 'repeat_penalty', 'stream_options.continuous_usage_stats'].toSorted(),
    );
    const chat = { messages: [{ role: 'user', content: 'a', id: 7 }], max_tokens: 1 };
    expect((await ask('chat', chat)).ignored).toEqual(['messages[0].id']);
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', '', 'a'.repeat(100_000)])(
    'may have any name (%.20s)',
    async (name) => {
      const body: object = JSON.parse(
        `{ ${JSON.stringify(name)}: { "x": 1 }, "prompt": "a", "max_tokens": 1 }`,
      );
      expect((await ask('completions', body)).ignored).toEqual([name]);
    },
  );

  test('is told in a header of bounded length and plain signs', () => {
    expect(ignoredNames(['a', 'messages[0].id', 'f\u00fcr\r\nx: y', '\u6587'])).toBe(
      'a, messages[0].id, f?r??x??y, ?',
    );
    const many = ignoredNames(Array.from({ length: 1000 }, (_, i) => `${i}${'x'.repeat(1000)}`));
    expect(many.length).toBeLessThan(2000);
    expect(many).toMatch(/, \.\.\.$/);
  });

  test('is an error where nobody asks to hear of it', async () => {
    expect(await failure(endpoints().completions({ ...plain, mood: 1 }))).toMatchObject({
      error: { param: 'mood', code: 'unknown_parameter' },
    });
  });
});
