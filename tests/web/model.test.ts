// The package itself, as Node sees it: numbers against the authors' own, and what a session promises.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Build, type Model, RWKV, type Session } from '../../dist/node.js';
import { collect, textOf } from './streams.js';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/oracle/${name}`, import.meta.url));

function oracle(name: string) {
  const { tokens, logits } = JSON.parse(readFileSync(fixture(`${name}.json`), 'utf8'));
  const bytes = Buffer.from(logits, 'base64');
  const expected = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return { tokens: tokens as number[], row: (t: number) => expected.subarray(t * 256, (t + 1) * 256) };
}

function maxDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}

const probed = await RWKV.load();
const hasRelaxed = probed.info.build === 'relaxed';
await probed.dispose();
const builds: Build[] = ['baseline', 'relaxed'];

describe.each(builds)('logits in the %s build are the authors’', (build) => {
  test.skipIf(build === 'relaxed' && !hasRelaxed).each(['v4-bf16', 'v52-fp16', 'v6-bf16', 'v7-bf16'])(
    'of %s, at all positions, in chunks of 1, 7, 32 and whole (skipped where Node lacks the build)',
    async (name) => {
      const { tokens, row } = oracle(name);
      const model = await RWKV.load(fixture(`${name}.pth`), { quantization: 'f32', tokenizer: false, build });
      expect(model.info.build).toBe(build);
      for (const chunk of [1, 7, 32, 40]) {
        const session = await model.createSession();
        for (let at = 0; at < tokens.length; at += chunk) {
          await session.append(tokens.slice(at, at + chunk));
          const last = Math.min(at + chunk, tokens.length) - 1;
          expect(maxDifference(await session.logits(), row(last))).toBeLessThan(2e-4);
        }
        await session.dispose();
      }
      await model.dispose();
    },
  );
});

describe('the storyteller', () => {
  let model: Model;
  beforeAll(async () => {
    model = await RWKV.load();
  });
  afterAll(() => model.dispose());

  const begin = 'Once upon a time there was a little';
  const story = async (session: Session, prompt: string, maxTokens = 40) =>
    textOf(session.complete(prompt, { maxTokens }));

  test('says what it is', () => {
    expect(model.info).toMatchObject({
      version: '7',
      layers: 7,
      channels: 256,
      vocabulary: 4096,
      parameters: 7_964_672, // without what layer 0 does not use
      quantization: 'q4',
      tokenizer: 'trie',
    });
  });

  test('tokenizes any text and gives it back', async () => {
    expect(await model.tokenize(begin)).toEqual([1326, 1982, 285, 1968, 2587, 1303, 285, 2992]);
    for (const text of ['', 'Grüße, 世界! 👩‍👧', 'a\u0001b\r\n'])
      expect(await model.detokenize(await model.tokenize(text))).toBe(text);
  });

  test('continues greedily as the reference does', async () => {
    const session = await model.createSession();
    const ids = [0, ...(await model.tokenize('"Oh, look!" cried Bunny Brown. "I see a'))];
    const text = await textOf(session.complete(ids, { maxTokens: 32, temperature: 0 }));
    expect(text).toBe(
      ' big, red wagon!"\n\n"Yes, and a red wagon!" added Sue. "And a red wagon, too!"\n\n"And a red wagon!"',
    );
  });

  test('tells the same story for the same seed, and another for another', async () => {
    const tell = async (seed: number) => story(await model.createSession({ seed }), begin);
    const [once, again, other] = [await tell(7), await tell(7), await tell(8)];
    expect(again).toBe(once);
    expect(other).not.toBe(once);
  });

  test('goes on where the loop was left, as one longer run would', async () => {
    const whole = await story(await model.createSession({ seed: 3 }), begin, 30);
    const session = await model.createSession({ seed: 3 });
    let text = '';
    let pieces = 0;
    for await (const piece of session.complete(begin, { maxTokens: 30 })) {
      text += piece;
      if (++pieces === 10) break;
    }
    expect(text + (await story(session, '', 20))).toBe(whole);
  });

  test('loses no token when it is aborted from outside at any moment', async () => {
    const whole = await story(await model.createSession({ seed: 4 }), begin, 60);
    const session = await model.createSession({ seed: 4 });
    const controller = new AbortController();
    let text = '';
    const aborted = (async () => {
      for await (const piece of session.complete(begin, { maxTokens: 60, signal: controller.signal })) {
        text += piece;
        if (text.length > 40) setImmediate(() => controller.abort());
      }
    })();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect(whole.startsWith(text)).toBe(true);
    text += await story(session, '', 60);
    expect(text.startsWith(whole)).toBe(true);
  });

  test('tells two stories at once as it tells each alone', async () => {
    const alone = [];
    for (const seed of [1, 2]) alone.push(await story(await model.createSession({ seed }), begin));
    const sessions = await Promise.all([1, 2].map((seed) => model.createSession({ seed })));
    expect(await Promise.all(sessions.map((session) => story(session, begin)))).toEqual(alone);
  });

  test('reads a text in pieces as it reads it whole, to the last bit', async () => {
    const [whole, pieces] = [await model.createSession(), await model.createSession()];
    const ids = await model.tokenize(begin);
    await whole.append(begin);
    await pieces.append(ids.slice(0, 3));
    await pieces.append([]);
    await pieces.append(ids.slice(3));
    expect(await pieces.logits()).toEqual(await whole.logits());

    const words = await model.createSession();
    for (const id of ids) await words.append(await model.detokenize([id]));
    expect(await words.logits()).toEqual(await whole.logits());
  });

  test('starts an empty prompt from token 0', async () => {
    const [empty, zero] = [await model.createSession(), await model.createSession()];
    await empty.append(''); // a piece without text is no prompt
    const tell = (session: Session, prompt: string | number[]) =>
      textOf(session.complete(prompt, { maxTokens: 12, temperature: 0 }));
    expect(await tell(empty, '')).toBe(await tell(zero, [0]));
  });

  test('gives tokens whose texts add up', async () => {
    const session = await model.createSession({ seed: 5 });
    const steps = await collect(session.generate(begin, { maxTokens: 20 }));
    expect(steps.length).toBe(20);
    expect(await model.detokenize(steps.map((step) => step.token))).toBe(steps.map((s) => s.text).join(''));
  });
});
