// The API's documentation is complete: typedoc warns of whatever has no words, and a warning is an error (typedoc.json).
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repository, run } from './packed.js';

const pagesOfAll = [
  'functions/index.RWKV.load.html',
  'interfaces/index.Session.html',
  'types/index.RwkvErrorCode.html',
  'variables/adapters_openai.openai.html',
  'variables/adapters_prompt-api.languageModel.html',
  'variables/adapters_ai-sdk.rwkv.html',
];

test('everything public is documented, and every link leads somewhere', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rwkv-wasm-docs-'));
  try {
    const typedoc = (...flags: string[]) =>
      run(process.execPath, ['node_modules/typedoc/bin/typedoc', ...flags], { cwd: repository });
    typedoc('--out', folder);
    // The adapters' properties are those of other APIs; each of the package's own has words.
    const lists = ['codes', 'quantizations'].flatMap((list) => ['--intentionallyNotExported', list]); // of types
    const main = ['--entryPoints', 'web/index.ts', ...lists];
    typedoc('--emit', 'none', ...main, '--requiredToBeDocumented', 'Property');
    const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    for (const page of pagesOfAll) expect(pages).toContain(page);
    expect(statSync(join(folder, 'index.html')).size).toBeGreaterThan(1000);
    expect(readFileSync(join(folder, 'interfaces/index.LoadOptions.html'), 'utf8')).toContain('assetBase');
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);
