// A Node of version 24, beside the one that runs the tests.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { repository, run } from './packed.js';

/** The path of its program: the one that the environment's NODE24 names, else installed once from npm into build/. */
export function node24(): string {
  const { NODE24 } = process.env;
  if (NODE24) return NODE24;
  if (process.versions.node.startsWith('24.')) return process.execPath;
  const folder = join(repository, 'build/node24');
  const program = join(folder, 'node_modules/node/bin/node');
  if (existsSync(program)) return program;
  mkdirSync(join(repository, 'build'), { recursive: true });
  const making = mkdtempSync(join(repository, 'build/node24-'));
  try {
    const options = [
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      '--no-package-lock',
      '--ignore-scripts=false',
    ];
    run('npm', ['install', ...options, '--prefix', making, 'node@24'], { cwd: making, timeout: 300_000 });
    if (!existsSync(program)) {
      rmSync(folder, { recursive: true, force: true });
      renameSync(making, folder);
    }
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return program;
}
