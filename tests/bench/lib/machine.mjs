// What was measured, and on what.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
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

/** Sizes of the modules that the package ships. */
export function describeModules() {
  return ['baseline', 'relaxed'].map((build) => {
    const path = join(home, `dist/wasm/rwkv-${build}.wasm`);
    return { build, bytes: statSync(path).size, gzipBytes: gzipSync(readFileSync(path)).length };
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
