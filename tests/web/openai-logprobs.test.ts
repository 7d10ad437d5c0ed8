// Log probabilities of prompts, as evaluation harnesses ask for them: token ids as they are, each after those before it.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openai } from '../../dist/adapters/openai-node.js';
import { RWKV } from '../../dist/node.js';
import { client, model, prompt } from './embedded-client.js';
import { collect } from './streams.js';

type Echo = Awaited<ReturnType<typeof echo>>;

async function echo(prompt: string | readonly number[], rest: object = {}) {
  const params = { prompt, echo: true, max_tokens: 0, logprobs: 1, temperature: 0, seed: 1, ...rest };
  const { choices, usage } = await client.completions.create(params);
  const [choice] = choices;
  if (!choice?.logprobs) throw new Error('no log probabilities');
  return { ...choice.logprobs, text: choice.text, usage };
}

// What EleutherAI's lm-evaluation-harness makes of an answer: the sum behind the context, and whether all of it is the likeliest.
function likelihood({ tokens, token_logprobs, top_logprobs }: Echo, context: number, end: number) {
  const sum = token_logprobs.slice(context, end).reduce((sum: number, logprob) => sum + (logprob ?? NaN), 0);
  const isGreedy = tokens.slice(context, end).every((token, i) => {
    const [[likeliest] = []] = Object.entries(top_logprobs[context + i] ?? {}).sort(([, a], [, b]) => b - a);
    return likeliest === token;
  });
  return { sum, isGreedy };
}

const wolf = '\u{1f98a}'; // four tokens of the embedded vocabulary
const letters = [...new TextEncoder().encode('Once upon')].map((byte) => byte + 1);

test.each<[string, readonly number[] | string]>([
  ['as the vocabulary would have it', prompt],
  ['of other letters', `caf\u00e9, ${wolf}${wolf} a\u0301`],
  ['behind an end of text', [0, 0, 7, 8]],
  ['letter by letter', letters],
  ['half a character at the end', [1326, 196]],
  ['one token', [80]],
])('tokens of a prompt (%s) are what the logits say', async (_, given) => {
  const ids = typeof given === 'string' ? await model.tokenize(given) : given;
  const told = await echo(given, { logprobs: 2 });
  expect(told.usage.prompt_tokens).toBe(ids.length);
  expect(told.tokens).toHaveLength(ids.length);
  const vocabulary = await model.vocabulary();
  const session = await model.createSession();
  for (const [i, id] of ids.entries()) {
    const name = told.tokens[i] ?? '';
    const bytes = name.startsWith('bytes:')
      ? [...name.matchAll(/\\x(..)/g)].map(([, hex = '']) => Number.parseInt(hex, 16))
      : [...new TextEncoder().encode(name)];
    expect(bytes).toEqual([...vocabulary.bytes(id)]);
    if (i === 0) expect([told.token_logprobs[0], told.top_logprobs[0]]).toEqual([null, null]);
    else {
      const logits = await session.logits();
      const max = Math.max(...logits);
      const logSum = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - max), 0));
      expect(told.token_logprobs[i]).toBeCloseTo((logits[id] ?? NaN) - max - logSum, 3);
      expect(Object.keys(told.top_logprobs[i] ?? {})).toHaveLength(2);
      expect(Math.max(...Object.values(told.top_logprobs[i] ?? {}))).toBeCloseTo(-logSum, 3);
    }
    await session.append([id]);
  }
  await session.dispose();
});

test('a continuation that was drawn as the likeliest is the likeliest, and as likely as it was told', async () => {
  for (const context of [prompt, 'The king', `A ${wolf}`]) {
    const ids = await model.tokenize(context);
    const session = await model.createSession();
    const drawn = await session.complete(ids, { temperature: 0, maxTokens: 12, logprobs: true, stop: [] })
      .result;
    await session.dispose();
    const all = [...ids, ...drawn.tokens];
    const { sum, isGreedy } = likelihood(await echo(all), ids.length, all.length);
    expect(isGreedy).toBe(true);
    expect(sum).toBeCloseTo(
      (drawn.logprobs ?? []).reduce((sum, { logprob = NaN }) => sum + logprob, 0),
      2,
    );
    const wrong = [...ids, ...drawn.tokens.slice(0, 5), 1, ...drawn.tokens.slice(5)];
    expect(likelihood(await echo(wrong), ids.length, wrong.length).isGreedy).toBe(false);
    // The same from a text and its continuation by themselves.
    const scorer = await model.createSession();
    const score = await scorer.score(drawn.tokens, { after: ids, topLogprobs: 1 });
    expect(score.tokens.reduce((sum, { logprob }) => sum + logprob, 0)).toBeCloseTo(sum, 4);
    expect(score.tokens.every(({ id, topLogprobs }) => topLogprobs?.[0]?.token === id)).toBe(true);
    await scorer.dispose();
  }
});

test('behind an end of text it is the score of a text', async () => {
  const session = await model.createSession();
  const { tokens } = await session.score(prompt);
  const { token_logprobs } = await echo([0, ...tokens.map(({ id }) => id)]);
  expect(token_logprobs).toEqual([null, ...tokens.map(({ logprob }) => logprob)]);
});

test('offsets are characters of the text before, for parts of characters those before the whole', async () => {
  const text = `a${wolf}b\u00e9c`;
  const bytes = [...new TextEncoder().encode(text)];
  const ids = bytes.map((byte) => byte + 1);
  const told = await echo(ids, { max_tokens: 3 });
  expect(told.text.startsWith(text)).toBe(true);
  expect(told.text_offset.slice(0, ids.length)).toEqual([0, 1, 1, 1, 1, 2, 3, 3, 4]);
  const points = [...told.text];
  for (const [i, name] of told.tokens.entries())
    if (!name.startsWith('bytes:'))
      expect(points.slice(told.text_offset[i]).join('').startsWith(name)).toBe(true);
});

test('streams and several prompts tell the same, each for itself', async () => {
  const prompts = [await model.tokenize(prompt), letters, [80]];
  const params = { prompt: prompts, echo: true, max_tokens: 2, logprobs: 3, temperature: 0, seed: 1 };
  const whole = await client.completions.create(params);
  expect(whole.choices.map(({ logprobs }) => logprobs?.tokens.length)).toEqual(
    prompts.map(({ length }) => length + 2),
  );
  for (const [i, ids] of prompts.entries()) {
    const alone = await client.completions.create({ ...params, prompt: ids });
    expect(whole.choices[i]).toEqual({ ...alone.choices[0], index: i });
  }
  const chunks = await collect(await client.completions.create({ ...params, stream: true }));
  for (const [i, choice] of whole.choices.entries()) {
    const own = chunks.flatMap(({ choices }) => choices).filter(({ index }) => index === i);
    expect(own.map(({ text }) => text).join('')).toBe(choice.text);
    for (const list of ['tokens', 'token_logprobs', 'top_logprobs', 'text_offset'] as const)
      expect(own.flatMap(({ logprobs }): unknown[] => logprobs?.[list] ?? [])).toEqual(
        choice.logprobs?.[list],
      );
  }
});

test('parts of characters of a chat have their bytes', async () => {
  const half = (await model.tokenize(wolf))[0] ?? 0;
  const { choices } = await client.chat.completions.create({
    messages: [{ role: 'user', content: 'a' }],
    ...{ max_tokens: 1, logit_bias: { [half]: 100 }, logprobs: true, temperature: 0 },
  });
  expect(choices[0]?.logprobs?.content).toMatchObject([{ token: '\\xf0', bytes: [0xf0] }]);
});

test.each(['v4-bf16', 'v52-fp16', 'v6-bf16', 'v7-bf16'])(
  "tokens are as likely as the authors' own code says (%s)",
  async (name) => {
    const at = (ending: string) => new URL(`../fixtures/oracle/${name}.${ending}`, import.meta.url);
    const oracle = JSON.parse(await readFile(at('json'), 'utf8'));
    const ids: number[] = oracle.tokens;
    const logits = new Float32Array(Uint8Array.from(Buffer.from(oracle.logits, 'base64')).buffer);
    const rows = ids.map((_, i) => logits.subarray(i * oracle.vocab, (i + 1) * oracle.vocab));
    const other = await RWKV.load(fileURLToPath(at('pth')), { quantization: 'f32', tokenizer: 'bytes' });
    const { choices } = await openai(other).completions.create({
      ...{ prompt: ids, echo: true, max_tokens: 0, logprobs: 1 },
    });
    await other.dispose();
    const told = choices[0]?.logprobs;
    expect(told?.tokens).toHaveLength(ids.length);
    for (const [i, row] of rows.slice(0, -1).entries()) {
      const logSum = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
      expect(told?.token_logprobs[i + 1]).toBeCloseTo((row[ids[i + 1] ?? -1] ?? Number.NaN) - logSum, 3);
      expect(Object.values(told?.top_logprobs[i + 1] ?? {})[0]).toBeCloseTo(Math.max(...row) - logSum, 3);
    }
  },
);
