// Sessions, turns, aborts and ends, on the fake core: everything of the API that does not depend on the mathematics.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Model } from '../../dist/node.js';
import { type FakePackage, fakeModel, fakePackage } from './fake/package.js';
import { collect, failure, textOf } from './streams.js';

let fake: FakePackage;
let models: Model[] = [];

beforeAll(async () => {
  fake = await fakePackage();
});
afterAll(() => fake.remove());
afterEach(async () => {
  await Promise.all(models.map((model) => model.dispose()));
  models = [];
});

async function load(delay = 0): Promise<Model> {
  const model = await fake.RWKV.load(fakeModel(delay), { tokenizer: 'bytes' });
  models.push(model);
  return model;
}

async function newSession(delay = 0) {
  return (await load(delay)).createSession();
}

/** What the fake core says in its logits. */
function story([read, passes, largestBatch, sum]: Float32Array) {
  return { read, passes, largestBatch, sum };
}

describe('a stream', () => {
  test('goes on from the prompt until the text ends, and does not deliver the end', async () => {
    const session = await newSession();
    expect(await textOf(session.complete('Wow'))).toBe('xyz');
  });

  test('ends after maxTokens, and the next call goes on where it stood', async () => {
    const session = await newSession();
    expect(await textOf(session.complete('a', { maxTokens: 3 }))).toBe('bcd');
    expect(await textOf(session.complete('', { maxTokens: 3 }))).toBe('efg');
    expect(await collect(session.generate([], { maxTokens: 1 }))).toEqual([{ token: 104, text: 'h' }]);
  });

  test('that is left has generated nothing but what it delivered, and has read all of that', async () => {
    const session = await newSession();
    let text = '';
    for await (const piece of session.complete('abc')) {
      text += piece;
      if (text === 'def') break;
    }
    const { read, sum } = story(await session.logits());
    expect({ read, sum }).toEqual({ read: 6, sum: 97 + 98 + 99 + 100 + 101 + 102 });
    expect(await textOf(session.complete('', { maxTokens: 1 }))).toBe('g');
  });

  test('of no tokens reads the prompt', async () => {
    const session = await newSession();
    expect(await textOf(session.complete('abc', { maxTokens: 0 }))).toBe('');
    expect(story(await session.logits()).read).toBe(3);
  });

  test('with an empty prompt starts a fresh session from token 0', async () => {
    const session = await newSession();
    expect(await collect(session.generate('', { maxTokens: 2 }))).toMatchObject([{ token: 1 }, { token: 2 }]);
  });

  test('takes token ids of any kind of array', async () => {
    const session = await newSession();
    for (const ids of [[97], Int32Array.of(97), Uint16Array.of(97), { length: 1, 0: 97 }]) {
      expect(await textOf(session.complete(ids, { maxTokens: 2 }))).toBe('bc');
    }
  });

  test('that nobody begins holds nobody up', async () => {
    const session = await newSession();
    session.complete('never');
    expect(await textOf(session.complete('a', { maxTokens: 1 }))).toBe('b');
  });

  test('passes the seed on', async () => {
    const model = await load();
    const draw = { temperature: 2, maxTokens: 5 };
    const first = await model.createSession({ seed: 2 ** 40 + 3 });
    const second = await model.createSession({ seed: 5 });
    const texts = [await textOf(first.complete('a', draw)), await textOf(second.complete('a', draw))];
    expect(texts[0]).not.toBe(texts[1]);
    expect(await textOf(second.complete('a', { ...draw, seed: 2 ** 40 + 3 }))).toBe(texts[0]);
  });
});

describe('append', () => {
  test('only reads', async () => {
    const session = await newSession();
    await session.append('ab');
    await session.append([99]);
    expect(story(await session.logits())).toMatchObject({ read: 3, sum: 294 });
  });

  test('of nothing leaves a fresh session fresh', async () => {
    const session = await newSession();
    await session.append('');
    expect(await failure(session.logits())).toMatchObject({ code: 'invalid-argument' });
    expect(await collect(session.generate('', { maxTokens: 1 }))).toMatchObject([{ token: 1 }]);
  });
});

describe('calls on one session', () => {
  test('run one after another in the order in which they start', async () => {
    const session = await newSession();
    const texts = await Promise.all([
      textOf(session.complete('a', { maxTokens: 2 })),
      session.append('m').then(() => 'appended'),
      textOf(session.complete('', { maxTokens: 2 })),
    ]);
    expect(texts).toEqual(['bc', 'appended', 'no']);
  });

  test('wait until a loop is left', async () => {
    const session = await newSession();
    const loop = session.complete('a');
    await loop.next();
    let read = false;
    const waiting = session.append('x').then(() => {
      read = true;
    });
    await sleep(50);
    expect(read).toBe(false);
    await loop.return();
    await waiting;
    expect(story(await session.logits()).read).toBe(3);
  });

  test('can be aborted while they wait, and those behind them still come', async () => {
    const session = await newSession();
    const loop = session.complete('a');
    await loop.next();
    const controller = new AbortController();
    const waiting = session.append('x', { signal: controller.signal });
    const behind = session.append('y');
    controller.abort();
    expect(await failure(waiting)).toMatchObject({ name: 'AbortError' });
    await loop.return();
    await behind;
    expect(story(await session.logits()).sum).toBe(97 + 98 + 121);
  });
});

describe('sessions at once', () => {
  test('share each pass', async () => {
    const model = await load(2);
    const sessions = await Promise.all(Array.from({ length: 5 }, () => model.createSession()));
    const texts = await Promise.all(
      sessions.map((session) => textOf(session.complete('a', { maxTokens: 20 }))),
    );
    expect(new Set(texts)).toEqual(new Set(['bcdefghijklmnopqrstu']));
    const { passes, largestBatch } = story((await sessions[0]?.logits()) ?? new Float32Array());
    expect(largestBatch).toBe(5);
    expect(passes).toBeLessThan(40); // 5 x 21 if they went one by one
  });

  test('a long prompt does not hold up a stream', async () => {
    const model = await load(5);
    const [reader, writer] = await Promise.all([model.createSession(), model.createSession()]);
    let read = false;
    const reading = reader.append('x'.repeat(16 * 60)).then(() => {
      read = true;
    });
    expect(await textOf(writer.complete('a', { maxTokens: 5 }))).toBe('bcdef');
    expect(read).toBe(false);
    await reading;
  });
});

describe('abort', () => {
  test('before the start does nothing at all', async () => {
    const session = await newSession();
    const signal = AbortSignal.abort();
    expect(await failure(textOf(session.complete('a', { signal })))).toMatchObject({ name: 'AbortError' });
    expect(await failure(session.append('a', { signal }))).toMatchObject({ name: 'AbortError' });
    expect(await failure(session.logits())).toMatchObject({ code: 'invalid-argument' });
  });

  test('while the prompt is read is heard at once, and the rest is read by the next call', async () => {
    const model = await load(20);
    const [session, other] = await Promise.all([model.createSession(), model.createSession()]);
    const controller = new AbortController();
    const text = textOf(session.complete('x'.repeat(16 * 100), { signal: controller.signal }));
    setTimeout(() => controller.abort(), 50);
    expect(await failure(text)).toMatchObject({ name: 'AbortError' });
    const passes = async () => {
      await other.append('a');
      return story(await other.logits()).passes;
    };
    const whenHeard = await passes();
    expect(whenHeard).toBeLessThan(100); // which all of it takes
    await sleep(200);
    expect(await passes()).toBe((whenHeard ?? 0) + 1); // it had really stopped
    const { read, passes: all } = story(await session.logits());
    expect(read).toBe(1600);
    expect(all).toBeLessThan(110); // 101 chunks, and some shorter ones beside the other's text
  });

  test('between tokens keeps what was delivered', async () => {
    const session = await newSession();
    const controller = new AbortController();
    let text = '';
    const loop = async () => {
      for await (const piece of session.complete('a', { signal: controller.signal })) {
        text += piece;
        if (text.length === 4) controller.abort(new Error('enough'));
      }
    };
    expect(await failure(loop())).toMatchObject({ message: 'enough' });
    expect(text).toBe('bcde');
    expect(await textOf(session.complete('', { maxTokens: 2 }))).toBe('fg');
  });
});

describe('the end', () => {
  test('of a session rejects its calls, and leaves the others', async () => {
    const model = await load(10);
    const [gone, stays] = await Promise.all([model.createSession(), model.createSession()]);
    const reading = failure(gone.append('x'.repeat(1600)));
    await sleep(50);
    await gone.dispose();
    await gone.dispose();
    expect(await reading).toMatchObject({ name: 'RwkvError', code: 'disposed' });
    expect(await failure(gone.append('x'))).toMatchObject({ code: 'disposed' });
    expect(await failure(gone.logits())).toMatchObject({ code: 'disposed' });
    expect(await failure(textOf(gone.complete('x')))).toMatchObject({ code: 'disposed' });
    expect(await textOf(stays.complete('a', { maxTokens: 2 }))).toBe('bc');
  });

  test('of a model rejects all its calls', async () => {
    const model = await load(10);
    const session = await model.createSession();
    const reading = failure(session.append('x'.repeat(1600)));
    await sleep(50);
    await model.dispose();
    await model.dispose();
    expect(await reading).toMatchObject({ code: 'disposed' });
    expect(await failure(session.append('x'))).toMatchObject({ code: 'disposed' });
    expect(await failure(model.createSession())).toMatchObject({ code: 'disposed' });
    expect(await failure(model.tokenize('x'))).toMatchObject({ code: 'disposed' });
    await session.dispose();
  });

  test('comes by itself with await using', async () => {
    const model = await load();
    const session = await model.createSession();
    await session[Symbol.asyncDispose]();
    await model[Symbol.asyncDispose]();
    expect(await failure(model.createSession())).toMatchObject({ code: 'disposed' });
  });

  test('of a crashed worker is told to every call, and a new load works', async () => {
    const model = await load();
    const [session, other] = await Promise.all([model.createSession(), model.createSession()]);
    const loop = other.complete('a');
    await loop.next();
    expect(await failure(session.append([200]))).toMatchObject({
      code: 'worker-crashed',
      message: 'the worker crashed: unreachable',
    });
    expect(await failure(loop.next())).toMatchObject({ code: 'worker-crashed' });
    expect(await failure(model.createSession())).toMatchObject({ code: 'worker-crashed' });
    await session.dispose();
    await model.dispose();
    expect(await textOf((await newSession()).complete('a', { maxTokens: 1 }))).toBe('b');
  });

  test('of a script comes without dispose, but not before a call has its answer', async () => {
    const script = join(fake.folder, 'forgetful.mjs');
    const source = `
      import { RWKV } from './dist/node.js';
      const model = await RWKV.load(new TextEncoder().encode('fake delay=5'), { tokenizer: 'bytes' });
      const session = await model.createSession();
      await session.append('x'.repeat(160));
      for await (const text of session.complete('a')) { console.log(text); if (text === 'd') break; }
    `;
    writeFileSync(script, source);
    const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 20_000 });
    expect(stdout).toBe('b\nc\nd\n');
  });
});
