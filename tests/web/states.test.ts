// States as values: fork, save, restore, rewind, reset, with the embedded model. And what a completion tells of itself.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Model, presets, RWKV, type Session } from '../../dist/node.js';
import { StopTexts } from '../../dist/page/stop-texts.js';
import { collect, failure, textOf } from './streams.js';

let model: Model;
beforeAll(async () => {
  model = await RWKV.load();
});
afterAll(() => model.dispose());

const prompt = 'Once upon a time';
const options = { ...presets.creative, maxTokens: 30 };

async function begun(seed = 7): Promise<Session> {
  const session = await model.createSession({ seed });
  await textOf(session.complete(prompt, { ...options, maxTokens: 12 }));
  return session;
}
const goOn = (session: Session) => textOf(session.complete('', options));

describe('a state', () => {
  test('is forked: both go on alike, and by themselves', async () => {
    const session = await begun();
    const fork = await session.fork();
    const text = await goOn(session);
    expect(text.length).toBeGreaterThan(20);
    expect(await goOn(fork)).toBe(text);
    await session.dispose();
    expect((await goOn(fork)).length).toBeGreaterThan(0);
  });

  test('is saved and restored letter for letter, in another worker too', async () => {
    const session = await begun();
    const bytes = await session.save();
    const text = await goOn(session);
    expect(await goOn(await model.createSession({ state: bytes }))).toBe(text);
    await using other = await RWKV.load();
    expect(await goOn(await other.createSession({ state: bytes }))).toBe(text);
    const reseeded = await model.createSession({ state: bytes, seed: 8 });
    expect(await goOn(reseeded)).not.toBe(text);
    await session.logits(); // nothing is left to read
    const [whole, half] = [await session.save(), await session.save({ half: true })];
    expect(half.length).toBeLessThan(whole.length * 0.52);
  });

  test('that is damaged or of another model is refused, and the model stays usable', async () => {
    const bytes = await (await begun()).save();
    const damaged = Uint8Array.from(bytes);
    damaged[bytes.length >> 1] = (damaged[bytes.length >> 1] ?? 0) ^ 1;
    expect(await failure(model.createSession({ state: damaged }))).toMatchObject({
      code: 'bad-file',
      message: 'bytes: damaged saved session: the checksum does not match',
    });
    expect((await goOn(await begun())).length).toBeGreaterThan(0);
  });

  test('goes back to before the last call, once, with chance', async () => {
    const session = await begun();
    const first = await goOn(session);
    await session.rewind();
    expect(await goOn(session)).toBe(first);
    await session.append(' And then');
    await session.rewind();
    await expect(session.rewind()).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  test('is reset to a fresh one', async () => {
    const session = await begun();
    const fresh = await model.createSession();
    await session.reset();
    const once = (s: Session) => textOf(s.complete(prompt, { ...options, seed: 3 }));
    expect(await once(session)).toBe(await once(fresh));
  });

  test('is as before an aborted or left call with keepPartial: false', async () => {
    const session = await begun();
    const expected = await goOn(await session.fork());
    for await (const _ of session.complete(' The', { ...options, keepPartial: false })) break;
    const controller = new AbortController();
    const { signal } = controller;
    const loop = session.complete(' A', { ...options, keepPartial: false, signal });
    await loop.next();
    controller.abort();
    expect(await failure(loop.next())).toMatchObject({ name: 'AbortError' });
    expect(await goOn(session)).toBe(expected);
  });
});

describe('a text', () => {
  test('is scored as its logits say, from a fresh state, and the session is not touched', async () => {
    const session = await begun();
    const expected = await goOn(await session.fork());
    const text = `${prompt} there was a fox. 🦊`;
    const score = await session.score(text);
    expect(await goOn(session)).toBe(expected);
    expect(score.tokens.map(({ id }) => id)).toEqual(await model.tokenize(text));
    expect(score.bytes).toBe(new TextEncoder().encode(text).length);
    const reader = await model.createSession();
    await reader.append([0]);
    for (const { id, logprob } of score.tokens.slice(0, 6)) {
      const logits = await reader.logits();
      const max = Math.max(...logits);
      const sum = logits.reduce((total, logit) => total + Math.exp(logit - max), 0);
      expect(logprob).toBeCloseTo((logits[id] ?? 0) - max - Math.log(sum), 4);
      await reader.append([id]);
    }
    const nats = -score.tokens.reduce((total, { logprob }) => total + logprob, 0);
    expect(score.bitsPerByte).toBeCloseTo(nats / Math.LN2 / score.bytes, 8);
    expect(score.perplexity).toBeCloseTo(Math.exp(nats / score.tokens.length), 5);
    expect((await session.score('')).tokens).toEqual([]);
  });

  test('is a vector; like texts have like ones', async () => {
    const texts = [
      'The king had a daughter.',
      'The king had a son.',
      'Boil the milk, then stir in the flour.',
    ];
    const [king, son, milk] = await Promise.all(texts.map((text) => model.embed(text)));
    const cosine = (a: Float32Array, b: Float32Array) => {
      const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, v, i) => sum + v * (y[i] ?? 0), 0);
      return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
    };
    if (!king || !son || !milk) throw new Error('a vector is missing');
    expect(king.length).toBe(model.info.channels);
    expect(cosine(king, son)).toBeGreaterThan(cosine(king, milk));
    expect(await failure(model.embed(''))).toMatchObject({ code: 'invalid-argument' });
  });
});

describe('a completion', () => {
  test('tells its result after the loop', async () => {
    const session = await model.createSession({ seed: 7 });
    const completion = session.complete(prompt, { ...options, echo: true, topLogprobs: 3 });
    const text = await textOf(completion);
    const result = await completion.result;
    expect(text.startsWith(prompt)).toBe(true);
    expect(result).toMatchObject({ text, finishReason: 'length', usage: { completionTokens: 30 } });
    expect(result.usage.promptTokens).toBe((await model.tokenize(prompt)).length);
    expect(await model.detokenize(result.tokens)).toBe(text.slice(prompt.length));
    expect(result.timings.decodeTokensPerSecond).toBeGreaterThan(0);
    for (const { token, logprob = 1, topLogprobs = [] } of result.logprobs ?? []) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(topLogprobs).toHaveLength(3);
      const likelihoods = topLogprobs.map((top) => top.logprob);
      expect(likelihoods).toEqual([...likelihoods].sort((a, b) => b - a));
      const same = topLogprobs.find((top) => top.token === token);
      if (same) expect(same.logprob).toBeCloseTo(logprob, 5);
    }
    expect(result.logprobs).toHaveLength(30);
  });

  test('tells its result without a loop, and can be looped over then', async () => {
    const text = await textOf((await model.createSession({ seed: 7 })).complete(prompt, options));
    const completion = (await model.createSession({ seed: 7 })).complete(prompt, options);
    expect((await completion.result).text).toBe(text);
    expect(await textOf(completion)).toBe(text);
    const wrong = (await model.createSession()).complete(prompt, { topP: 2 });
    expect(await failure(wrong.result)).toMatchObject({ code: 'invalid-argument' });
  });

  test('that is left or aborted says so', async () => {
    const session = await model.createSession({ seed: 7 });
    const left = session.complete(prompt, options);
    let text = '';
    for await (const piece of left) {
      text += piece;
      break;
    }
    expect(await left.result).toMatchObject({ finishReason: 'aborted', text });
    const aborted = session.complete('', { ...options, signal: AbortSignal.abort() });
    expect(await failure(aborted.next())).toMatchObject({ name: 'AbortError' });
    expect(await aborted.result).toMatchObject({ finishReason: 'aborted', text: '', tokens: [] });
  });

  test('ends before a stop text, wherever its tokens are cut', async () => {
    const whole = await textOf((await model.createSession({ seed: 7 })).complete(prompt, options));
    for (const at of [3, 10, 25]) {
      for (const length of [1, 2, 9]) {
        const stop = whole.slice(at, at + length);
        const session = await model.createSession({ seed: 7 });
        const completion = session.complete(prompt, { ...options, stop: ['never', stop] });
        const expected = whole.slice(0, whole.indexOf(stop));
        expect(await textOf(completion)).toBe(expected);
        expect(await completion.result).toMatchObject({ finishReason: 'stop', stop, text: expected });
      }
    }
  });

  test('bans tokens, and says what the text would be as tokens', async () => {
    const session = await model.createSession({ seed: 7 });
    const [first] = await collect(session.generate(prompt, { temperature: 0, maxTokens: 1 }));
    const banned = await model.createSession({ seed: 7 });
    const [other] = await collect(
      banned.generate(prompt, { temperature: 0, maxTokens: 1, ban: [first?.token ?? -1] }),
    );
    expect(other?.token).not.toBe(first?.token);
  });

  test('is a stream of the web', async () => {
    const text = await textOf((await model.createSession({ seed: 7 })).complete(prompt, options));
    const stream = (await model.createSession({ seed: 7 })).stream(prompt, options);
    expect(stream).toBeInstanceOf(ReadableStream);
    expect(await textOf(stream)).toBe(text);
    const session = await model.createSession({ seed: 7 });
    const reader = session.stream(prompt, options).getReader();
    const { value = '-' } = await reader.read();
    await reader.cancel();
    expect(text.startsWith(value)).toBe(true);
    expect(await goOn(session)).not.toBe('');
  });
});

describe('stop texts', () => {
  const run = (stops: string[], pieces: string[]) => {
    const filter = new StopTexts(stops);
    const out: string[] = [];
    for (const piece of pieces) {
      const { text, stop } = filter.push(piece);
      out.push(text);
      if (stop !== undefined) return [...out, `[${stop}]`];
    }
    return [...out, filter.rest()];
  };
  test.each([
    [['END'], ['a', 'bE', 'N', 'Dc'], ['a', 'b', '', '', '[END]']],
    [['END'], ['E', 'NN', 'E'], ['', 'ENN', '', 'E']],
    [['aab'], ['aaa', 'b'], ['a', '', '[aab]']],
    [['b', 'ab'], ['xab'], ['x', '[ab]']],
    [['ab', 'abc'], ['abc'], ['', '[abc]']],
    [[], ['x', ''], ['x', '', '']],
  ])('%j in %j', (stops, pieces, expected) => {
    expect(run(stops, pieces)).toEqual(expected);
  });
});
