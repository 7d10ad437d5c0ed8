// Requests that are given up, or wait: they end, and leave nothing behind.
import { describe, expect, test, vi } from 'vitest';
import { openai } from '../../dist/adapters/openai-node.js';
import { Session } from '../../dist/page/session.js';
import { client, model, prompt } from './embedded-client.js';
import { collect, failure } from './streams.js';

const endless = { prompt, max_tokens: 1e9, logit_bias: { 0: -100 } };

describe('a request that is given up', () => {
  // Sessions that are made and not given back.
  async function left(work: () => Promise<void>): Promise<number> {
    const made = vi.spyOn(model, 'createSession');
    const forked = vi.spyOn(Session.prototype, 'fork');
    const disposed = vi.spyOn(Session.prototype, 'dispose');
    try {
      await work();
      const count = () => made.mock.calls.length + forked.mock.calls.length - disposed.mock.calls.length;
      expect(made.mock.calls.length).toBeGreaterThan(0);
      await vi.waitFor(() => expect(count()).toBe(0));
      return count();
    } finally {
      vi.restoreAllMocks();
    }
  }

  test('by its signal rejects with its reason', async () => {
    const aborted = AbortSignal.abort('why');
    await expect(client.completions.create(endless, { signal: aborted })).rejects.toBe('why');
    const count = await left(async () => {
      const controller = new AbortController();
      const work = client.completions.create({ ...endless, n: 3 }, { signal: controller.signal });
      setTimeout(() => controller.abort(new Error('enough')), 100);
      await expect(work).rejects.toThrow('enough');
    });
    expect(count).toBe(0);
  });

  test('while it reads a long prompt rejects at once', async () => {
    const count = await left(async () => {
      const controller = new AbortController();
      const long = { ...endless, prompt: 'The wolf. '.repeat(20_000) };
      const work = client.completions.create(long, { signal: controller.signal });
      setTimeout(() => controller.abort(new Error('enough')), 300);
      await expect(work).rejects.toThrow('enough');
    });
    expect(count).toBe(0);
  });

  test('while it reads a long prompt for a stream, which is there before, just ends', async () => {
    const count = await left(async () => {
      const long = { ...endless, prompt: 'The wolf. '.repeat(10_000), stream: true } as const;
      const stream = await client.completions.create(long);
      setTimeout(() => stream.controller.abort(), 300);
      expect(await collect(stream)).toEqual([]);
    });
    expect(count).toBe(0);
  });

  test('as a stream that nobody looped over has done nothing', async () => {
    const made = vi.spyOn(model, 'createSession');
    const stream = await client.completions.create({ ...endless, stream: true });
    stream.controller.abort();
    expect(await collect(stream)).toEqual([]);
    expect(made).not.toHaveBeenCalled();
    made.mockRestore();
  });

  test.each(['break', 'controller', 'signal'])('as a stream (%s) ends', async (how) => {
    const count = await left(async () => {
      const controller = new AbortController();
      const { signal } = controller;
      const stream = await client.completions.create({ ...endless, n: 2, stream: true }, { signal });
      let chunks = 0;
      for await (const _ of stream) {
        if (++chunks !== 5) continue;
        if (how === 'break') break;
        if (how === 'controller') stream.controller.abort();
        else controller.abort();
      }
      expect(chunks).toBeLessThanOrEqual(7); // one more of each choice may be on its way
    });
    expect(count).toBe(0);
  });

  test('leaves no session when it fails, and none when it succeeds', async () => {
    const count = await left(async () => {
      await failure(client.completions.create({ prompt: ['a', 'b'], logit_bias: { 4096: 1 } }));
      await client.completions.create({ prompt: ['a', 'b'], n: 2, max_tokens: 3, echo: true, logprobs: 1 });
    });
    expect(count).toBe(0);
  });
});

test('of more texts than may run at once the others wait, and may leave while they wait', async () => {
  const one = openai(model, { parallel: 1 });
  const order: string[] = [];
  const tell = async (name: string, n: number) => {
    const stream = await one.completions.create({ prompt, max_tokens: 8, n, stream: true });
    for await (const _ of stream) order.push(name);
  };
  const controller = new AbortController();
  const works = [
    tell('a', 1),
    failure(one.completions.create(endless, { signal: controller.signal })),
    tell('b', 3),
    tell('c', 1),
  ];
  controller.abort();
  await Promise.all(works);
  expect([...new Set(order)]).toEqual(['a', 'b', 'c']);
  expect(order.join('')).toMatch(/^a+b+c+$/);
});
