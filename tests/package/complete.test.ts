// `npm run complete` builds one module: that which the command then takes.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { moduleOfThisNode } from '../../wasm/build.mjs';
import { repository } from './packed.js';

const model = ['-m', join(repository, 'tests/fixtures/oracle/v7-bf16.pth'), '--tokenizer', 'bytes'];

test.each([[[]], [['-q', 'q8']], [model]])('with the arguments %j', (args) => {
  const folder = mkdtempSync(join(tmpdir(), 'rwkv-wasm-complete-'));
  try {
    const name = moduleOfThisNode(args);
    cpSync(join(repository, 'dist'), join(folder, 'dist'), {
      recursive: true,
      filter: (path) => !/rwkv-[\w-]+\.(wasm|mjs)$/.test(path),
    });
    mkdirSync(join(folder, 'dist/wasm'), { recursive: true });
    for (const file of [`${name}.wasm`, `${name}.mjs`])
      cpSync(join(repository, 'dist/wasm', file), join(folder, 'dist/wasm', file));
    cpSync(join(repository, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
    const command = [join(folder, 'dist/cli.js'), 'complete', 'Once', '--max-tokens', '3', ...args];
    expect(execFileSync(process.execPath, command, { encoding: 'utf8' })).toMatch(/^Once/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
