// The API's documentation is complete: typedoc warns of whatever has no words, and a warning is an error (typedoc.json).
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repository, run } from './packed.js';

test('everything public is documented, and every link leads somewhere', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rwkv-wasm-docs-'));
  try {
    run(process.execPath, ['node_modules/typedoc/bin/typedoc', '--out', folder], { cwd: repository });
    const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    for (const page of ['functions/RWKV.load.html', 'interfaces/Session.html', 'types/RwkvErrorCode.html'])
      expect(pages).toContain(page);
    expect(statSync(join(folder, 'index.html')).size).toBeGreaterThan(1000);
    expect(readFileSync(join(folder, 'interfaces/LoadOptions.html'), 'utf8')).toContain('assetBase');
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);
