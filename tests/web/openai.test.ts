// The client in the process: the shapes of OpenAI's, the texts of sessions, and nothing left behind.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type OpenAI from 'openai';
import { describe, expect, test, vi } from 'vitest';
import { openai } from '../../dist/adapters/openai-node.js';
import type { GenerateOptions } from '../../dist/node.js';
import { renderChat } from '../../dist/page/chat/transcript.js';
import { client, messages, model, prompt } from './embedded-client.js';
import { fakeModel, fakePackage } from './fake/package.js';
import { collect, failure } from './streams.js';

async function resultOf(prompt: string, options: GenerateOptions) {
  const session = await model.createSession();
  try {
    return await session.complete(prompt, options).result;
  } finally {
    await session.dispose();
  }
}

const choiceOf = <T>({ choices: [first] }: { choices: T[] }): T => {
  if (!first) throw new Error('no choice');
  return first;
};

describe('a completion', () => {
  test('is the text of a session with the same seed', async () => {
    const completion = await client.completions.create({ prompt, seed: 7, max_tokens: 30 });
    const { text, usage } = await resultOf(prompt, { seed: 7, maxTokens: 30 });
    expect(completion).toEqual({
      id: expect.stringMatching(/^cmpl-\w{24}$/),
      object: 'text_completion',
      created: expect.any(Number),
      model: 'rwkv7-tales-8.0M-q4',
      system_fingerprint: expect.stringMatching(/^rwkv-wasm-q4-/),
      choices: [{ index: 0, text, logprobs: null, finish_reason: 'length' }],
      usage: {
        prompt_tokens: usage.promptTokens,
        completion_tokens: usage.completionTokens,
        total_tokens: usage.totalTokens,
        prompt_tokens_details: { cached_tokens: 0 }, // too short to be kept
      },
    });
  });

  test('takes all that a session takes', async () => {
    const bias = (await model.tokenize(' there'))[0] ?? 0;
    const completion = await client.completions.create({
      ...{ prompt, seed: 3, max_tokens: 40, temperature: 1.5, top_p: 0.9, top_k: 50, min_p: 0.01 },
      ...{ typical_p: 0.9, presence_penalty: 0.5, frequency_penalty: 0.4, penalty_decay: 0.9 },
      ...{ logit_bias: { [bias]: -100 }, stop: ['xyzzy'], user: 'me' },
    });
    const { text } = await resultOf(prompt, {
      ...{ seed: 3, maxTokens: 40, temperature: 1.5, topP: 0.9, topK: 50, minP: 0.01 },
      ...{ typicalP: 0.9, presencePenalty: 0.5, frequencyPenalty: 0.4, penaltyDecay: 0.9 },
      ...{ logitBias: { [bias]: -100 }, stop: ['xyzzy'] },
    });
    expect(choiceOf(completion).text).toBe(text);
    expect(text).not.toContain(' there');
  });

  test('ends before a stop text', async () => {
    const { text } = await resultOf(prompt, { seed: 7, maxTokens: 60 });
    const stop = text.slice(20, 26);
    const completion = await client.completions.create({
      prompt,
      seed: 7,
      max_tokens: 60,
      stop: [stop, '#'],
    });
    expect(choiceOf(completion)).toMatchObject({
      text: text.slice(0, text.indexOf(stop)),
      finish_reason: 'stop',
    });
  });

  test('of several prompts and choices has each of them, from seeds that follow', async () => {
    const prompts = ['The wolf', 'The king'];
    const { choices, usage } = await client.completions.create({
      prompt: prompts,
      n: 2,
      seed: 5,
      max_tokens: 12,
    });
    const alone = await Promise.all(
      prompts.flatMap((prompt) => [5, 6].map((seed) => resultOf(prompt, { seed, maxTokens: 12 }))),
    );
    expect(choices.map(({ text }) => text)).toEqual(alone.map(({ text }) => text));
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(new Set(choices.map(({ text }) => text)).size).toBe(4);
    const read = (alone[0]?.usage.promptTokens ?? 0) + (alone[2]?.usage.promptTokens ?? 0);
    expect(usage).toEqual({
      ...{ prompt_tokens: read, completion_tokens: 48, total_tokens: read + 48 },
      prompt_tokens_details: { cached_tokens: 0 },
    });
  });

  test('takes token ids, and a negative seed', async () => {
    const ids = await model.tokenize(prompt);
    const options = { seed: -2, max_tokens: 8 };
    const [ofText, ofIds, ofLists] = await Promise.all([
      client.completions.create({ prompt, ...options }),
      client.completions.create({ prompt: ids, ...options }),
      client.completions.create({ prompt: [ids], ...options }),
    ]);
    expect(ofIds.choices).toEqual(ofText.choices);
    expect(ofLists.choices).toEqual(ofText.choices);
    expect(choiceOf(ofText).text).toBe((await resultOf(prompt, { seed: 2 ** 53 - 2, maxTokens: 8 })).text);
  });

  test('tells log probabilities, and where tokens begin', async () => {
    const { text, logprobs } = choiceOf(
      await client.completions.create({ prompt, seed: 7, max_tokens: 10, logprobs: 2 }),
    );
    const { logprobs: steps = [] } = await resultOf(prompt, { seed: 7, maxTokens: 10, topLogprobs: 2 });
    expect(logprobs?.tokens.join('')).toBe(text);
    expect(logprobs?.token_logprobs).toEqual(steps.map(({ logprob }) => logprob));
    expect(logprobs?.top_logprobs).toEqual(
      steps.map(({ topLogprobs = [] }) =>
        Object.fromEntries(topLogprobs.map((top) => [top.text, top.logprob])),
      ),
    );
    for (const [i, offset] of (logprobs?.text_offset ?? []).entries())
      expect(text.startsWith(logprobs?.tokens[i] ?? '?', offset)).toBe(true);
  });

  test('echoes its prompt, with what a score says of it', async () => {
    const echo = await client.completions.create({ prompt, echo: true, seed: 7, max_tokens: 5 });
    const { text } = await resultOf(prompt, { seed: 7, maxTokens: 5 });
    expect(choiceOf(echo).text).toBe(prompt + text);
    const ids = [0, ...(await model.tokenize(prompt))];
    const { logprobs } = choiceOf(
      await client.completions.create({ prompt: ids, echo: true, max_tokens: 0, logprobs: 0 }),
    );
    const session = await model.createSession();
    const { tokens } = await session.score(prompt); // behind an end of text
    expect(logprobs?.token_logprobs).toEqual([null, ...tokens.map(({ logprob }) => logprob)]);
    expect(logprobs?.tokens.join('')).toBe(prompt);
  });

  test('tells what of its prompt was read for another', async () => {
    const long = `${prompt} there was a little dog who lived with a kind old man near the big dark forest.`;
    const cached: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      const { usage } = await client.completions.create({ prompt: long, max_tokens: 1 });
      cached.push(usage.prompt_tokens_details.cached_tokens);
      expect(usage.prompt_tokens).toBe((await model.tokenize(long)).length);
    }
    expect(cached).toEqual([0, (await model.tokenize(long)).length]);
  });

  test('of an empty prompt starts a text', async () => {
    const { choices, usage } = await client.completions.create({ prompt: '', seed: 1, max_tokens: 9 });
    expect(choices[0]?.text).toBe((await resultOf('', { seed: 1, maxTokens: 9 })).text);
    expect(usage.prompt_tokens).toBe(1);
  });
});

describe('a chat', () => {
  test('answers as the template has it, from the first visible character on', async () => {
    const chat: OpenAI.ChatCompletion = await client.chat.completions.create({
      messages,
      seed: 4,
      max_completion_tokens: 40,
      stop: '#',
    });
    const rendered = renderChat(messages);
    const { text } = await resultOf(rendered.prompt, { seed: 4, maxTokens: 40 });
    const [reply = ''] = text.trimStart().split(rendered.stop[0] ?? '');
    expect(reply).not.toBe('');
    expect(chat).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/),
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content: reply, refusal: null }, logprobs: null }],
    });
    expect(chat.choices[0]?.finish_reason).toBe(text.trimStart() === reply ? 'length' : 'stop');
  });

  test('goes on where the last message of the assistant ends', async () => {
    const begun = [...messages, { role: 'assistant', content: 'A wolf lived in' }] as const;
    const { choices } = await client.chat.completions.create({ messages: begun, seed: 4, max_tokens: 6 });
    const { text } = await resultOf(renderChat(begun).prompt, { seed: 4, maxTokens: 6 });
    expect(choices[0]?.message.content).toBe(text);
  });

  test('reads parts of messages and developers', async () => {
    const options = { seed: 2, max_tokens: 6 };
    const plain = await client.chat.completions.create({
      messages: [{ role: 'system', content: 'Be kind.' }, ...messages],
      ...options,
    });
    const other = await client.chat.completions.create({
      messages: [
        {
          role: 'developer',
          content: [
            { type: 'text', text: 'Be ' },
            { type: 'text', text: 'kind.' },
          ],
        },
        { ...messages[0], name: 'Ann' },
      ],
      ...options,
    });
    expect(other.choices).toEqual(plain.choices);
  });

  test('tells log probabilities of each token, whole and in chunks', async () => {
    const params = { messages, seed: 4, max_tokens: 8, logprobs: true, top_logprobs: 3 } as const;
    const { choices } = await client.chat.completions.create(params);
    const content = choices[0]?.logprobs?.content ?? [];
    expect(content).toHaveLength(8);
    for (const { token, bytes, logprob, top_logprobs } of content) {
      expect(Buffer.from(bytes ?? []).toString()).toBe(token);
      expect(top_logprobs).toHaveLength(3);
      expect(top_logprobs[0]?.logprob).toBeGreaterThanOrEqual(logprob);
    }
    const chunks = await collect(await client.chat.completions.create({ ...params, stream: true }));
    expect(chunks.flatMap((chunk) => chunk.choices[0]?.logprobs?.content ?? [])).toEqual(content);
  });
});

describe('a stream', () => {
  test('of a chat has the chunks that OpenAI sends', async () => {
    const params = { messages, seed: 4, max_tokens: 20 };
    const whole = await client.chat.completions.create(params);
    const stream = await client.chat.completions.create({
      ...params,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = await collect(stream);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '', refusal: null });
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(chunks.length).toBeGreaterThan(10);
    const [last, usage] = chunks.slice(-2);
    expect(last).toMatchObject({ choices: [{ delta: {}, finish_reason: whole.choices[0]?.finish_reason }] });
    expect(usage).toMatchObject({ choices: [], usage: whole.usage });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  test('of several choices has all their texts, and no usage that nobody asked for', async () => {
    const params = { prompt, seed: 5, max_tokens: 10, n: 3 };
    const whole = await client.completions.create(params);
    const texts = ['', '', ''];
    const order: number[] = [];
    for await (const chunk of await client.completions.create({ ...params, stream: true })) {
      const { index, text } = choiceOf(chunk);
      texts[index] += text;
      order.push(index);
      expect('usage' in chunk).toBe(false);
    }
    expect(texts).toEqual(whole.choices.map(({ text }) => text));
    expect(order.slice(0, 6).toSorted()).toEqual([0, 0, 1, 1, 2, 2]); // side by side
  });
});

test('requests start from the defaults of their client', async () => {
  const tuned = openai(model, { name: 'tales', defaults: { maxTokens: 4, temperature: 0, stop: 'x' } });
  const { choices, usage, model: name } = await tuned.completions.create({ prompt });
  expect([name, usage.completion_tokens]).toEqual(['tales', 4]);
  expect(choices[0]?.text).toBe((await resultOf(prompt, { maxTokens: 4, temperature: 0 })).text);
  expect((await tuned.completions.create({ prompt, max_tokens: 2 })).usage.completion_tokens).toBe(2);
});

test('the model is named, and loaded when it is first needed', async () => {
  const lazy = openai();
  const { data } = await lazy.models.list();
  expect(data).toEqual([
    { id: 'rwkv7-tales-8.0M-q4', object: 'model', created: expect.any(Number), owned_by: 'rwkv-wasm' },
  ]);
  expect(await collect(await lazy.models.list())).toEqual(data);
  expect(await lazy.models.retrieve('rwkv7-tales-8.0M-q4')).toEqual(data[0]);
  expect(await lazy.models.retrieve('any')).toEqual(data[0]);
  await lazy.dispose();
  expect(await failure(lazy.completions.create({ prompt }))).toMatchObject({ status: 500, code: 'disposed' });
  await openai(model).dispose(); // a model that was passed stays
  expect(model.info.version).toBe('7');
  expect(await model.tokenize('a')).toHaveLength(1);
});

test('a file that cannot be loaded is told by each request', async () => {
  const broken = openai(new TextEncoder().encode('no model'));
  for (const _ of [1, 2])
    expect(await failure(broken.completions.create({ prompt }))).toMatchObject({
      status: 500,
      error: { type: 'server_error', code: 'bad_file' },
    });
});

test('the package has it at rwkv-wasm/openai', async () => {
  const script =
    "import { openai, OpenAIError } from 'rwkv-wasm/openai'; console.log(typeof openai, OpenAIError.name)";
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const { stdout } = await promisify(execFile)('node', ['--input-type=module', '-e', script], { cwd: root });
  expect(stdout).toBe('function OpenAIError\n');
});

test('a model whose name has G1 in it chats as G1 models do', async () => {
  const bytes = await readFile(
    new URL('../../dist/storyteller/rwkv7-tales-8.0M-q4.safetensors', import.meta.url),
  );
  const tokenizer = new URL('../../dist/storyteller/rwkv7-tales-8.0M-vocab.txt', import.meta.url);
  const named = openai(new File([bytes], 'rwkv7-g1-0.1b.safetensors'), { tokenizer });
  const params = { messages, seed: 3, max_tokens: 5, logprobs: true } as const;
  const told = await named.chat.completions.create(params);
  const chosen = openai(model, { chat: { template: 'g1' } });
  expect(told.model).toBe('rwkv7-g1-0.1b');
  expect(told.choices).toEqual((await chosen.chat.completions.create(params)).choices);
  expect(told.choices).not.toEqual((await client.chat.completions.create(params)).choices);
  await named.dispose();
});

test('after its worker died the model is loaded again', async () => {
  const fake = await fakePackage();
  try {
    const door: typeof import('../../dist/adapters/openai-node.js') = await import(
      join(fake.folder, 'dist', 'adapters', 'openai-node.js')
    );
    const client = door.openai(fakeModel(), { tokenizer: 'bytes' });
    expect(choiceOf(await client.completions.create({ prompt: 'w' })).text).toBe('xyz');
    expect(await failure(client.completions.create({ prompt: [200] }))).toMatchObject({
      status: 500,
      error: { type: 'server_error', code: 'worker_crashed' },
    });
    await vi.waitFor(async () => {
      expect(choiceOf(await client.completions.create({ prompt: 'w' })).text).toBe('xyz');
    });
    await client.dispose();
  } finally {
    fake.remove();
  }
});

test('many choices of one request raise no warning', async () => {
  const warnings: Error[] = [];
  const hear = (warning: Error) => warnings.push(warning);
  process.on('warning', hear);
  const { signal } = new AbortController();
  const request = { prompt, n: 24, max_tokens: 2 };
  await client.completions.create(request, { signal });
  for await (const _ of await client.completions.create({ ...request, stream: true }, { signal }));
  await new Promise(setImmediate); // they are told a little later
  process.off('warning', hear);
  expect(warnings).toEqual([]);
});
