// Downloads over a bad network, in Node: what is kept, what is asked again, what is refused.
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type DownloadOptions, type LoadProgress, RwkvError, store } from '../../dist/node.js';
import { noise, type ServedFile, sha256 } from './model-server.js';
import { folder, server } from './store-room.js';
import { failure } from './streams.js';

const body = noise(1_000_000);
const sum = sha256(body);
const forGood = [300_000, 0, 0, 0, 0]; // bytes after which the line drops, until nobody tries again

/** Serves a file; its URL. */
function serve(file: Partial<ServedFile> = {}): string {
  server.files.set('/model.bin', { body, ...file });
  return `${server.site}/model.bin`;
}
const ranges = () => server.asked.map(({ range }) => range);
/** A download that must give the very bytes, which only their sum tells. */
const isRight = (url: string, options: DownloadOptions = {}) =>
  expect(store.download(url, { sha256: sum, ...options })).resolves.toMatchObject({
    bytes: body.length,
    complete: true,
    sha256: sum,
  });

async function refuses(url: string, code: string, message: RegExp, options?: DownloadOptions) {
  const error = await failure(store.download(url, options));
  expect(error).toBeInstanceOf(RwkvError);
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  expect(error.message.startsWith(url)).toBe(true);
}

describe('a download', () => {
  test('comes once, with its record', async () => {
    const url = serve();
    const file = await store.download(url);
    expect(file).toMatchObject({ url, name: 'model.bin', bytes: body.length, complete: true });
    expect(await store.download(url)).toMatchObject({ url, complete: true });
    expect(server.asked).toHaveLength(1);
    expect(readdirSync(folder).map((name) => name.replace(/^\w{32}/, 'KEY'))).toEqual([
      'KEY.bin',
      'KEY.json',
    ]);
  });

  test('tells bytes, rate and remaining time', async () => {
    const heard: LoadProgress[] = [];
    await store.download(serve({ slow: 20 }), { onProgress: (progress) => heard.push(progress) });
    expect(heard[0]).toEqual({ stage: 'download', loaded: 0, total: body.length });
    const loaded = heard.map((progress) => progress.loaded);
    expect(loaded).toEqual(loaded.toSorted((a, b) => a - b));
    expect(heard.at(-1)).toMatchObject({ loaded: body.length, total: body.length, secondsLeft: 0 });
    for (const { bytesPerSecond = 0, secondsLeft, loaded, total = 0 } of heard.slice(1)) {
      expect(bytesPerSecond).toBeGreaterThan(0);
      expect(secondsLeft).toBeCloseTo((total - loaded) / bytesPerSecond, 6);
    }
  });

  test('follows a redirect, and again for the rest', async () => {
    const url = serve({ drops: [300_000] });
    server.files.set('/moved', { body, location: url });
    await isRight(`${server.site}/moved`);
    expect(server.asked.map(({ path, range }) => [path, range])).toEqual([
      ['/moved', undefined],
      ['/model.bin', undefined],
      ['/moved', 'bytes=300000-'],
      ['/model.bin', 'bytes=300000-'],
    ]);
  });

  test('may come compressed: what is kept, and counted, is the file', async () => {
    const text = Buffer.from("1 'a' 1\n".repeat(100_000));
    const heard: LoadProgress[] = [];
    const options = { sha256: sha256(text), onProgress: (progress: LoadProgress) => heard.push(progress) };
    const file = await store.download(serve({ body: text, gzip: true }), options);
    expect(file).toMatchObject({ bytes: text.length, complete: true });
    for (const { total } of heard) expect(total).toBeUndefined();
  });

  test('may be of unknown length', async () => {
    await isRight(serve({ length: null }));
  });

  test('may be empty-handed of validators', async () => {
    await isRight(serve({ etag: null }));
  });

  test('ends when its hearer throws, and goes on later', async () => {
    const url = serve({ slow: 10 });
    const onProgress = ({ loaded }: LoadProgress) => {
      if (loaded > 200_000) throw new Error('no more');
    };
    expect((await failure(store.download(url, { onProgress }))).message).toBe('no more');
    await isRight(url);
    expect(ranges().at(-1)).toMatch(/^bytes=[1-9]\d+-$/);
  });
});

describe('a line that drops', () => {
  test('is taken up again where it broke, within one download', async () => {
    const url = serve({ drops: [300_000, 200_000] });
    await isRight(url);
    expect(ranges()).toEqual([undefined, 'bytes=300000-', 'bytes=500000-']);
    expect(server.asked[1]?.ifRange).toBe(`"${sum.slice(0, 16)}"`);
  });

  test('for good leaves what came to the next download', async () => {
    const url = serve({ drops: [...forGood] });
    await refuses(url, 'read-failed', /the download ended at byte 300000 of 1000000: /);
    expect(await store.list()).toMatchObject([{ url, bytes: 300_000, complete: false }]);
    expect(await store.has(url)).toBe(false);
    server.asked.length = 0;
    await isRight(url);
    expect(ranges()).toEqual(['bytes=300000-']);
  });

  test('is taken up by the date where there is no ETag, or only a weak one', async () => {
    const lastModified = 'Tue, 24 Nov 2026 10:00:00 GMT';
    for (const etag of [null, 'W/"weak"']) {
      await store.clear();
      server.asked.length = 0;
      await isRight(serve({ etag, lastModified, drops: [300_000] }));
      expect(server.asked[1]).toMatchObject({ range: 'bytes=300000-', ifRange: lastModified });
    }
  });

  test.each([
    ['cannot say what it sends', { etag: null }, undefined],
    ['answers no ranges', { ranges: false }, 'bytes=300000-'],
  ])('starts again where the server %s', async (_, file, second) => {
    await isRight(serve({ ...file, drops: [300_000] }));
    expect(ranges()).toEqual([undefined, second]);
  });

  test('is not tried for ever', async () => {
    await refuses(
      serve({ drops: Array(9).fill(1000), ranges: false }),
      'read-failed',
      /ended at byte 1000 of/,
    );
    expect(server.asked).toHaveLength(5); // the first brought something
  });
});

describe('a file that changed meanwhile', () => {
  const other = noise(900_000, 2);
  test.each([
    ['the server tells by If-Range', {}],
    ['its ETag tells, from a server that ignores If-Range', { ignores: true }],
    ['it became shorter than what is there', { body: other.subarray(0, 1000) }],
  ])('starts again: %s', async (_, change) => {
    const url = serve({ drops: [...forGood] });
    await failure(store.download(url));
    const next = 'body' in change ? change.body : other;
    // A condition that is always met is one that is ignored.
    serve({
      body: next,
      ...('ignores' in change && { etag: '"new"', lastModified: `"${sum.slice(0, 16)}"` }),
    });
    const file = await store.download(url, { sha256: sha256(next) });
    expect(file).toMatchObject({ bytes: next.length, complete: true });
  });

  test('on the server is not asked for while the store has it, but by another SHA-256', async () => {
    const url = serve();
    await store.download(url);
    serve({ body: other });
    expect(await store.download(url)).toMatchObject({ bytes: body.length });
    expect(server.asked).toHaveLength(1);
    expect(await store.download(url, { sha256: sha256(other) })).toMatchObject({ bytes: other.length });
  });
});

describe('a download is refused', () => {
  test('with another SHA-256, and nothing is kept of it', async () => {
    const url = serve();
    await refuses(url, 'hash-mismatch', new RegExp(`expected the SHA-256 0{64}; .*${sum}`), {
      sha256: '0'.repeat(64),
    });
    expect(readdirSync(folder)).toEqual([]);
    await isRight(url, { sha256: sum.toUpperCase() });
  });

  test('unless it was the part of an earlier try that was wrong', async () => {
    const url = serve({ body: noise(1_000_000, 3), etag: '"same"', drops: [...forGood] });
    await failure(store.download(url));
    serve({ etag: '"same"' });
    server.asked.length = 0;
    await isRight(url);
    expect(ranges()).toEqual(['bytes=300000-', undefined]);
  });

  test('that is shorter than it says', async () => {
    await refuses(serve({ length: 1_000_005 }), 'read-failed', /ended at byte 1000000 of 1000005/);
  });

  test.each([['<!DOCTYPE html><title>Sign in</title>'], ['\ufeff\n <html><body>404']])(
    'for a web page: %s',
    async (page) => {
      const url = serve({ body: Buffer.from(page), type: 'text/html' });
      await refuses(url, 'bad-file', /the server sent a web page \(HTML\)/);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  test('for a web page in place of the rest, and the part stays', async () => {
    const url = serve({ drops: [...forGood] });
    await failure(store.download(url));
    serve({ body: Buffer.from('<!doctype html>quota'), type: 'text/html' });
    await refuses(url, 'bad-file', /web page/);
    serve();
    server.asked.length = 0;
    await isRight(url);
    expect(ranges()).toEqual(['bytes=300000-']);
  });

  test.each([404, 403, 500])('with the status %i, at once', async (status) => {
    await refuses(serve({ status }), 'read-failed', new RegExp(`the server answered ${status}`));
    expect(server.asked).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('with the status 503, after some patience', async () => {
    await refuses(serve({ status: 503 }), 'read-failed', /the server answered 503/);
    expect(server.asked).toHaveLength(4);
  });

  test('where nobody listens', async () => {
    await refuses('http://127.0.0.1:9/model.bin', 'read-failed', /127\.0\.0\.1:9/);
  });

  test.each([
    ['./model.bin', /^url: expected a URL of http or https, or hf:/],
    ['data:,model', /^url: expected a URL of http or https/],
    ['hf:owner/repository', /^url: expected hf:owner\/repository\/file or .*found 'hf:owner\/repository'/],
    ['hf:owner//file', /^url: expected hf:/],
    ['hf:owner/repository/../file', /^url: expected hf:/],
    ['hf:owner/repository/file@', /^url: expected hf:/],
    ['hf:owner/repository/file@a@b', /^url: expected hf:/],
  ])('of %s', async (url, message) => {
    const error = await failure(store.download(url));
    expect([error.code, error.message]).toEqual(['invalid-argument', expect.stringMatching(message)]);
  });

  test.each([
    [{ sha256: 'abc' }, /^option sha256: expected a SHA-256, 64 hexadecimal digits; found 'abc'/],
    [{ sha265: sum }, /^options: expected only signal, onProgress, sha256, .*found 'sha265'/],
  ])('with the options %j', async (options, message) => {
    const error = await failure(store.download(serve(), options as DownloadOptions));
    expect([error.code, error.message]).toEqual(['invalid-argument', expect.stringMatching(message)]);
    expect(server.asked).toEqual([]);
  });
});

test('an abort keeps what came, and gives the lock back', async () => {
  const url = serve({ slow: 20 });
  const controller = new AbortController();
  const onProgress = ({ loaded }: LoadProgress) => loaded > 200_000 && controller.abort();
  const error = await failure(store.download(url, { signal: controller.signal, onProgress }));
  expect(error.name).toBe('AbortError');
  const [{ bytes } = { bytes: 0 }] = await store.list();
  expect(bytes).toBeGreaterThan(200_000);
  await isRight(url);
  expect(ranges()).toEqual([undefined, `bytes=${bytes}-`]);
});
