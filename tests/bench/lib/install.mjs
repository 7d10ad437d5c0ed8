// Packages that only a benchmark needs: installed on demand under build/, beside the package's own.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { home } from './models.mjs';

/** Installs a package of npm into build/`folder`, unless that version is there; the package's folder. */
export function ensureInstalled(folder, name, version) {
  const place = join(home, 'build', folder);
  const installed = join(place, 'node_modules', name);
  const about = join(installed, 'package.json');
  if (existsSync(about) && JSON.parse(readFileSync(about, 'utf8')).version === version) return installed;
  console.error(`installing ${name} ${version} into build/${folder}`);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'package.json'), '{ "private": true }\n');
  const args = [
    'install',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    '--save-exact',
    `${name}@${version}`,
  ];
  const { status, stderr, error } = spawnSync('npm', args, { cwd: place, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ${args.join(' ')}: ${error?.message ?? stderr}`);
  return installed;
}
