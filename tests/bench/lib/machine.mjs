// What was measured, and on what.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { home } from './models.mjs';

export function describeMachine() {
  const all = cpus();
  return {
    cpu: all[0]?.model,
    cores: all.length,
    memoryBytes: totalmem(),
    system: `${platform()} ${arch()}`,
  };
}

/** How many programs wanted a core during the last minute: about 0 before and 1 or 2 after a run that was alone. */
export const loadOfMachine = () => loadavg()[0];

/** Sizes of the modules that the package ships. */
export function describeModules() {
  const folder = join(home, 'dist/wasm');
  const files = readdirSync(folder).filter((name) => name.endsWith('.wasm'));
  return files.map((name) => {
    const bytes = readFileSync(join(folder, name));
    return { name, bytes: bytes.length, gzipBytes: gzipSync(bytes).length };
  });
}

/** The package's version, and the commit where there is one. */
export function describePackage() {
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  const git = (...args) => execFileSync('git', args, { cwd: home, encoding: 'utf8', stdio: 'pipe' }).trim();
  try {
    return {
      version,
      commit: git('rev-parse', 'HEAD'),
      changed: git('status', '--porcelain', '-uno') !== '',
    };
  } catch {
    return { version };
  }
}
