// Programs of the system that tests need.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export function onPath(name) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

const aptInstall = ['apt-get', '-qq', 'install', '-y', '--no-install-recommends'];

// What someone else would have to run.
export const installCommand = (...packages) => ['sudo', ...aptInstall, ...packages].join(' ');

// Installs packages of Debian where we may; whether they are there then.
export function installPackages(...packages) {
  if (process.getuid?.() !== 0 || !onPath('apt-get')) return false;
  console.log(`installing ${packages.join(' ')}`);
  const run = ([command, ...args]) => spawnSync(command, args, { stdio: 'inherit' }).status === 0;
  return run(['apt-get', '-qq', 'update']) && run([...aptInstall, ...packages]);
}

const modernVersion = '24.21.0';
const modernFolder = join(dirname(dirname(fileURLToPath(import.meta.url))), '.toolchain/node');

// A Node with relaxed SIMD: this one, or one that comes as an npm package.
export function modernNode() {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`; // the packages that the package `node` would install by a script
  const node = join(modernFolder, 'node_modules', name, 'bin/node');
  if (existsSync(node)) return node;
  console.error(`installing Node ${modernVersion}, which has relaxed SIMD`);
  mkdirSync(modernFolder, { recursive: true });
  const args = ['install', '--prefix', modernFolder, '--no-audit', '--no-fund', `${name}@${modernVersion}`];
  const { status } = spawnSync('npm', args, { cwd: modernFolder, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`npm could not install Node ${modernVersion}`);
  return node;
}
