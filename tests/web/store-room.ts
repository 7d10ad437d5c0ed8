// A server and an empty cache folder for each test of a file.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { type ModelServer, modelServer } from './model-server.js';

export let server: ModelServer;
export let folder: string;

beforeAll(async () => {
  server = await modelServer();
});
afterAll(() => server.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rwkv-wasm-store-test-'));
  vi.stubEnv('RWKV_WASM_CACHE', folder);
  server.files.clear();
  server.asked.length = 0;
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});
