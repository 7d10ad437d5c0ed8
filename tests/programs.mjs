// Programs of the system that tests need.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

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
