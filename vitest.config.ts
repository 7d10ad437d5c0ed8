import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// What tests download is not for the user's own store, nor for the next run.
const cache = mkdtempSync(join(tmpdir(), 'rwkv-wasm-store-'));
process.on('exit', () => rmSync(cache, { recursive: true, force: true }));

export default defineConfig({
  test: {
    include: ['tests/{web,browser}/**/*.test.ts'],
    testTimeout: 30_000,
    env: { RWKV_WASM_CACHE: cache },
    // The package under test is what was built: Node loads it, Vite does not touch it.
    server: { deps: { external: [/\/dist\//] } },
  },
});
