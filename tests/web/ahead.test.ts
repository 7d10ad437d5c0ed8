// The file that the caller's half fetches while its worker starts.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fetchAhead } from '../../dist/store/ahead.js';
import { concatenate } from '../../dist/store/sources.js';
import { openSource } from '../../dist/worker/host.js';
import { type ModelServer, modelServer, noise } from './model-server.js';

const file = noise(300_000);
let server: ModelServer;

beforeAll(async () => {
  server = await modelServer();
  server.files.set('/file', { body: file });
  server.files.set('/slow', { body: file, slow: 20 });
  server.files.set('/broken', { body: file, drops: [100_000] });
  server.files.set('/page', { body: file, type: 'text/html; charset=utf-8' });
});
afterAll(() => server?.close());

test('a file comes in pieces, and is told of from its first byte to its last', async () => {
  const report = vi.fn();
  const pieces = await fetchAhead(`${server.site}/file`, undefined, report);
  expect(file.equals(concatenate(pieces ?? []))).toBe(true);
  const [first, last] = [report.mock.calls[0], report.mock.lastCall];
  expect(first).toEqual([{ stage: 'download', loaded: 0, total: file.length }]);
  expect(last).toEqual([expect.objectContaining({ loaded: file.length, total: file.length })]);
});

test.each(['/page', '/missing', '/broken'])('of %s nothing comes, and nothing is thrown', async (path) => {
  expect(await fetchAhead(`${server.site}${path}`, undefined, undefined)).toBeNull();
});

test('an abort ends it', async () => {
  const controller = new AbortController();
  const fetched = fetchAhead(`${server.site}/slow`, controller.signal, () => controller.abort());
  expect(await fetched).toBeNull();
});

describe('the worker', () => {
  const open = (pieces: Uint8Array[] | null, path: string) => {
    const url = `${server.site}${path}`;
    const from = [{ url }];
    const place = { kind: 'url', name: 'file', url, asked: 'any', from, arrives: true } as const;
    return openSource(place, { discard() {}, arrival: Promise.resolve(pieces) });
  };
  const whole = ({ size, read }: Awaited<ReturnType<typeof openSource>>) => {
    const bytes = new Uint8Array(size);
    read(0, bytes);
    return bytes;
  };

  test('reads what arrived, and asks nobody', async () => {
    expect(file.equals(whole(await open([file.subarray(0, 7), file.subarray(7)], '/missing')))).toBe(true);
  });

  test('asks for itself where nothing arrived, and tells what is wrong', async () => {
    expect(file.equals(whole(await open(null, '/file')))).toBe(true);
    await expect(open(null, '/missing')).rejects.toMatchObject({ code: 'read-failed' });
  });
});
