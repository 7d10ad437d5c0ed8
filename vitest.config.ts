import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// What tests download is not for the user's own store, nor for the next run.
const cache = mkdtempSync(join(tmpdir(), 'rwkv-wasm-store-'));
process.on('exit', () => rmSync(cache, { recursive: true, force: true }));

const { NODE_V8_COVERAGE } = process.env; // npm run coverage

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'package', include: ['tests/{web,package}/**/*.test.ts'] } },
      // Browsers are late at times where other programs run: what fails there is tried once more, and the report says so.
      { extends: true, test: { name: 'browsers', include: ['tests/browser/**/*.test.ts'], retry: 1 } },
    ],
    testTimeout: 30_000,
    setupFiles: NODE_V8_COVERAGE ? ['tests/coverage/take.mjs'] : [],
    env: { RWKV_WASM_CACHE: cache },
    // The package under test is what was built: Node loads it, Vite does not touch it.
    server: { deps: { external: [/\/dist\//] } },
  },
});
