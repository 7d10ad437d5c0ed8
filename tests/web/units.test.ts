// The small parts by themselves.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fileName } from '../../dist/page/places.js';
import { Queue } from '../../dist/page/queue.js';
import { RwkvError } from '../../dist/shared/errors.js';
import { openPath } from '../../dist/store/node/files.js';
import { memorySource } from '../../dist/store/sources.js';
import { chooseBuild, chooseThreads } from '../../dist/worker/engine.js';
import { hasRelaxedSimd, hasSharedMemory, hasSimd } from '../../dist/worker/features.js';
import { seedWords, unwrap } from '../../dist/worker/module.js';
import { PrefixCache } from '../../dist/worker/prefix-cache.js';
import { Turns } from '../../dist/worker/turns.js';
import { failure } from './streams.js';

describe('features', () => {
  test('SIMD is seen in every Node, relaxed SIMD in those that have it', () => {
    expect(hasSimd()).toBe(true);
    expect(hasRelaxedSimd()).toBe(Number(process.versions.node.split('.')[0]) >= 22);
  });

  test('the fastest build that runs is chosen', () => {
    expect(chooseBuild('auto', true, true)).toBe('relaxed');
    expect(chooseBuild('auto', true, false)).toBe('baseline');
    expect(chooseBuild('baseline', true, true)).toBe('baseline');
    expect(chooseBuild('relaxed', true, true)).toBe('relaxed');
    expect(() => chooseBuild('relaxed', true, false)).toThrow(/relaxed SIMD/);
    expect(() => chooseBuild('auto', false, false)).toThrow(/SIMD/);
  });

  test('Node has shared memory', () => {
    expect(hasSharedMemory()).toBe(true);
  });

  test('as many threads as there are cores, at most 4; one where memory cannot be shared', () => {
    expect([1, 2, 4, 64, undefined].map((cores) => chooseThreads('auto', cores))).toEqual([1, 2, 4, 4, 1]);
    expect(chooseThreads(3, 2)).toBe(3);
    expect(chooseThreads(1, undefined)).toBe(1);
    expect(() => chooseThreads(2, undefined)).toThrow(
      expect.objectContaining({
        code: 'unsupported',
        message: expect.stringMatching(/threads: 2 .*Opener.*Embedder/),
      }),
    );
  });
});

describe('engine', () => {
  test('a seed is two words', () => {
    expect(seedWords(0)).toEqual([0, 0]);
    expect(seedWords(2 ** 32 + 5)).toEqual([5, 1]);
    expect(seedWords(Number.MAX_SAFE_INTEGER)).toEqual([2 ** 32 - 1, 2 ** 21 - 1]);
  });

  test('a result is its value or its error', () => {
    expect(unwrap({ value: 7 })).toBe(7);
    const error = { code: 'bad-file', message: 'x.pth: truncated' };
    expect(() => unwrap({ error })).toThrow(expect.objectContaining({ name: 'RwkvError', ...error }));
    expect(() => unwrap({ error: { code: 'nonsense', message: '' } })).toThrow(/unknown error code/);
  });
});

describe('sources', () => {
  test('bytes in pieces read as one, at every offset and length', () => {
    const bytes = Uint8Array.from({ length: 12 }, (_, i) => i + 1);
    for (const cuts of [[], [5], [1, 1, 5], [0, 3, 4, 11, 12]]) {
      const borders = [0, ...cuts, 12];
      const chunks = borders.slice(1).map((end, i) => bytes.subarray(borders[i], end));
      const source = memorySource('x', chunks);
      expect(source.size).toBe(12);
      for (let offset = 0; offset <= 12; offset++) {
        for (let length = 0; offset + length <= 12; length++) {
          const into = new Uint8Array(length);
          source.read(offset, into);
          expect(into).toEqual(bytes.slice(offset, offset + length));
        }
      }
    }
    expect(() => memorySource('x', []).read(0, new Uint8Array(1))).toThrow(/beyond its end/);
  });

  test('a file reads at offsets, and says when it became shorter', () => {
    const source = openPath(new URL(import.meta.url).pathname, 'units.test.ts');
    const into = new Uint8Array(5);
    source.read(3, into);
    expect(new TextDecoder().decode(into)).toBe('The s');
    expect(() => source.read(source.size - 2, into)).toThrow(/units.test.ts: ended early/);
    source.close();
  });

  test('a file is known by its last name', () => {
    expect(fileName('https://x.org/a/b.pth?download=1#top')).toBe('b.pth');
    expect(fileName('C:\\models\\b.pth')).toBe('b.pth');
    expect(fileName('https://x.org/')).toBe('x.org');
  });
});

describe('queue', () => {
  test('lets in one after another, and past those who gave up', async () => {
    const queue = new Queue();
    const order: string[] = [];
    const controller = new AbortController();
    const leave = await queue.enter();
    const second = queue.enter(controller.signal).catch(() => order.push('gave up'));
    const third = queue.enter().then((leaveThird) => {
      order.push('third');
      leaveThird();
    });
    controller.abort();
    await second;
    expect(order).toEqual(['gave up']);
    leave();
    leave();
    await third;
    expect(order).toEqual(['gave up', 'third']);
    (await queue.enter())();
  });
});

describe('turns', () => {
  class Reader {
    left: number;
    constructor(left: number) {
      this.left = left;
    }
    pending() {
      return this.left;
    }
  }

  const tick = () => new Promise((resolve) => setImmediate(resolve));

  // Time passes in passes and, half a millisecond each, in breaths, however busy the machine is.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  function desk(passTakes = 0) {
    const batches: Reader[][] = [];
    const shares: number[][] = [];
    const errors: unknown[] = [];
    const turns = new Turns<Reader>(
      (readers, most) => {
        batches.push(readers);
        shares.push([...most]);
        vi.advanceTimersByTime(passTakes);
        for (const reader of readers) {
          if (reader.left > 100) throw new Error('too much');
          reader.left--;
        }
      },
      async () => {
        await tick();
        vi.advanceTimersByTime(0.5);
      },
      (error) => errors.push(error),
    );
    return { turns, batches, shares, errors };
  }

  test('all who have something to read advance together, each until it is done', async () => {
    const { turns, batches } = desk();
    const [a, b] = [new Reader(1), new Reader(3)];
    await Promise.all([turns.ready(a), turns.ready(b)]);
    expect(batches).toEqual([[a, b], [b], [b]]);
    await turns.ready(a);
    expect(batches).toHaveLength(3);
  });

  test('who read together reads together again, though they do not come at once', async () => {
    const { turns, batches } = desk(40);
    const [first, ...others] = [new Reader(0), new Reader(0), new Reader(0)];
    const read = async (reader: Reader, ticks: number) => {
      for (let step = 0; step < 6; step++) {
        for (let i = 0; i < ticks; i++) await tick();
        reader.left = 1;
        await turns.ready(reader);
      }
    };
    await Promise.all([first, ...others].map((reader, i) => read(reader, 2 * i)));
    expect(batches.filter((batch) => batch.length === 3).length).toBeGreaterThanOrEqual(3);
    first.left = 1;
    await turns.ready(first); // the others do not come
    expect(batches.at(-1)).toEqual([first]);
  });

  test('who is stopped reads no further, until it is started again', async () => {
    const { turns, batches } = desk();
    const reader = new Reader(3);
    turns.start(reader);
    turns.stop(reader);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(batches).toEqual([]);
    const waiting = failure(turns.ready(reader));
    turns.stop(reader, new Error('gone'));
    expect((await waiting).message).toBe('gone');
    await turns.ready(reader);
    expect(reader.left).toBe(0);
  });

  test('long texts are read in whole chunks alone, and in small ones beside texts that are being generated', async () => {
    const { turns, shares } = desk(150);
    const [long, stream] = [new Reader(100), new Reader(0)];
    turns.start(long);
    while (shares.length < 2) await tick();
    for (let i = 0; i < 4; i++) {
      stream.left = 1;
      await turns.ready(stream);
    }
    turns.stop(long);
    expect(shares[0]).toEqual([32]);
    const besides = shares.filter((share) => share.length === 2);
    expect(besides.length).toBeGreaterThanOrEqual(2);
    expect(besides.at(-1)).toEqual([1, 4]); // five tokens take 150 ms
  });

  test('long texts take turns beside a stream where there is time for one of them only', async () => {
    const { turns, batches, shares } = desk(100);
    const [a, b, stream] = [new Reader(90), new Reader(90), new Reader(0)];
    turns.start(a);
    turns.start(b);
    for (let i = 0; i < 6; i++) {
      stream.left = 1;
      await turns.ready(stream);
    }
    turns.stop(a);
    turns.stop(b);
    expect(shares.slice(-2)).toEqual([
      [1, 4],
      [1, 4],
    ]);
    expect(new Set(batches.slice(-2).map((batch) => batch[1]))).toEqual(new Set([a, b]));
  });

  test('marks are reached before what comes behind them is read, unless the reader is stopped', async () => {
    const { turns, shares } = desk();
    const reached: number[] = [];
    const [a, b] = [new Reader(40), new Reader(9)];
    turns.mark(a, 33, () => reached.push(a.left));
    turns.mark(b, 5, () => reached.push(b.left));
    turns.stop(b);
    await turns.ready(b);
    await turns.ready(a); // alone, for the last tokens of a prompt count as a text that is being generated
    expect(reached).toEqual([33]);
    expect(shares[9]?.[0]).toBe(7);
    expect(Math.max(...shares.slice(9).map((share) => share[0] ?? 0))).toBe(32);
  });

  test('what a pass throws is told', async () => {
    const { turns, errors } = desk();
    turns.start(new Reader(101));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(errors).toEqual([new Error('too much')]);
  });

  test('a pass may be computed elsewhere: who stops in the meantime is not touched before it ends', async () => {
    const passes: (() => void)[] = [];
    const turns = new Turns<Reader>(
      (readers) =>
        new Promise((resolve, reject) =>
          passes.push(() => {
            if (readers.some((reader) => reader.left > 100))
              return reject(new RwkvError('out-of-memory', 'gone'));
            for (const reader of readers) reader.left--;
            resolve();
          }),
        ),
      async () => void (await tick()),
      () => {},
    );
    const begun = async (count: number) => {
      while (passes.length < count) await tick();
      return passes[count - 1] ?? (() => {});
    };
    const [stays, leaves, fails] = [new Reader(2), new Reader(2), new Reader(101)];
    const order: string[] = [];
    const read = turns.ready(stays).then(() => order.push('read'));
    const left = failure(turns.ready(leaves));
    const end = await begun(1);
    turns.stop(leaves, new Error('left'));
    expect((await left).message).toBe('left');
    const between = turns.underWay?.then(() => order.push('between'));
    await tick();
    expect([stays.left, leaves.left, order]).toEqual([2, 2, []]);
    end();
    await between;
    (await begun(2))();
    await read;
    expect([stays.left, leaves.left, order]).toEqual([0, 1, ['between', 'read']]);
    expect(turns.underWay).toBeUndefined();

    stays.left = 1;
    const [failed, others] = [failure(turns.ready(fails)), turns.ready(stays)];
    for (let pass = 3; pass <= 5; pass++) (await begun(pass))(); // together, then each alone
    expect((await failed).message).toBe('gone');
    await others;
    expect(stays.left).toBe(0);
  });

  test('a pass that fails is told to who waits for it, and others read on', async () => {
    const noMemory = new RwkvError('out-of-memory', 'a pass: no memory for 8 bytes');
    const crashed = vi.fn();
    const read = (readers: Reader[]) => {
      if (readers.some((reader) => reader.left > 100)) throw noMemory;
      for (const reader of readers) reader.left = 0;
    };
    const turns = new Turns(read, async () => void (await tick()), crashed);
    expect(await failure(turns.ready(new Reader(101)))).toBe(noMemory);
    await turns.ready(new Reader(5));
    expect(crashed).not.toHaveBeenCalled();
  });
});

describe('the prefix cache', () => {
  const text = (length: number, last = 1) => [...Array.from({ length: length - 1 }, () => 1), last];
  const session = (pending = 0) => ({ pending: () => pending, delete: vi.fn() });

  test('gives the longest text that a prompt begins with', () => {
    const cache = new PrefixCache(10_000, 100);
    const [short, long] = [session(), session()];
    expect(cache.add(text(20), () => ({ value: short }))).toBe(true);
    expect(cache.add(text(30, 2), () => ({ value: long }))).toBe(true);
    expect(cache.find(text(40))?.session).toBe(short);
    expect(cache.find([...text(30, 2), 3])?.session).toBe(long);
    expect(cache.find(text(19))).toBeUndefined();
    expect(cache.shared(text(29, 5))).toBe(28);
    expect(cache.shared([2])).toBe(0);
  });

  test('gives a text that was followed by more only to prompts that go on', () => {
    const cache = new PrefixCache(10_000, 100);
    const inside = session(7);
    cache.add(text(20), () => ({ value: inside }));
    expect(cache.find(text(20))).toBeUndefined();
    expect(cache.find(text(21))?.session).toBe(inside);
  });

  test('keeps nothing twice, nothing short, and no more than it may', () => {
    const cache = new PrefixCache(3 * (100 + 4 * 20), 100);
    const made = [1, 2, 3, 4].map(() => session());
    const add = (i: number) => cache.add(text(20, i), () => ({ value: made[i - 1] ?? session() }));
    expect([add(1), add(2), add(3), add(3)]).toEqual([true, true, true, false]);
    cache.find(text(20, 1)); // used
    add(4);
    expect(made.map((one) => one.delete.mock.calls.length)).toEqual([0, 1, 0, 0]);
    expect(cache.add(text(15), () => ({ value: session() }))).toBe(false);
    expect(new PrefixCache(99, 100).add(text(20), () => ({ value: session() }))).toBe(false);
  });

  const full = { error: { code: 'out-of-memory', message: 'a session: no memory for 8 bytes' } };

  test('gives way to what has no memory, the least recently used first, and to nothing else', () => {
    const cache = new PrefixCache(10_000, 100);
    const made = [1, 2, 3].map(() => session());
    for (const [i, one] of made.entries()) cache.add(text(20, i), () => ({ value: one }));
    const answers = [full, full, { value: 7 }];
    expect(cache.makeRoom(() => answers.shift() ?? full)).toBe(7);
    expect(made.map((one) => one.delete.mock.calls.length)).toEqual([1, 1, 0]);
    const bad = { error: { code: 'bad-file', message: 'damaged' } };
    expect(() => cache.makeRoom(() => bad)).toThrow('damaged');
    expect(made[2]?.delete).not.toHaveBeenCalled();
    expect(() => cache.makeRoom(() => full)).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
    expect(made[2]?.delete).toHaveBeenCalledOnce();
  });

  test('keeps nothing that there is no memory for', () => {
    const cache = new PrefixCache(10_000, 100);
    expect(cache.add(text(20), () => full)).toBe(false);
    expect(cache.find(text(20))).toBeUndefined();
  });
});
