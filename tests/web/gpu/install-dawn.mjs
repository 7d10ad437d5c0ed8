// Dawn, the implementation of WebGPU in the npm package `webgpu`, into build/webgpu: `node tests/web/gpu/install-dawn.mjs`.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const version = '0.6.2';
const folder = fileURLToPath(new URL('../../../build/webgpu/', import.meta.url));
/** The module of the package, where it is installed. */
export const dawnModule = join(folder, 'node_modules/webgpu/index.js');

/** @throws Error where npm cannot install it */
export function installDawn() {
  if (existsSync(dawnModule)) return;
  mkdirSync(folder, { recursive: true });
  const flags = ['--prefix', folder, '--no-audit', '--no-fund', '--no-save', '--ignore-scripts'];
  execFileSync('npm', ['install', ...flags, `webgpu@${version}`], { timeout: 180_000, stdio: 'pipe' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) installDawn();
