// Debian packages without installing them: fetched through a private apt root, unpacked into a private folder and made to run
// from there with their own libraries. Needs no root and changes nothing outside the folders it is given.

import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const suite = 'forky';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

export const machineIsDebian = ['/usr/bin/apt-get', '/usr/bin/dpkg', '/usr/bin/flock', keyring].every(
  (path) => existsSync(path),
);

// Resolves to what the command printed. A failure tells the command and the end of its output.
export async function run(command, args, { cwd, env = process.env } = {}) {
  try {
    const options = { cwd, env: { ...env, LC_ALL: 'C' }, maxBuffer: 1 << 26 };
    return (await promisify(execFile)(command, args, options)).stdout;
  } catch (error) {
    const tail = `${error.stdout ?? ''}\n${error.stderr ?? ''}`.trim().split('\n').slice(-15).join('\n');
    throw new Error(`${[command, ...args].join(' ')}\n${tail || error.message}`);
  }
}

// One run at a time. The lock is the kernel's: held by a `cat` that ends when our end of its pipe closes, however we end.
export async function withLock(file, work) {
  const holder = spawn('flock', [file, 'sh', '-c', 'echo locked; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    holder.stdout.once('data', resolve);
    holder.once('error', reject);
    holder.once('exit', () => reject(new Error(`cannot lock ${file}`)));
  });
  try {
    return await work();
  } finally {
    holder.stdin.end();
  }
}

/** Works on items, on so many at a time. */
export async function forEachInParallel(items, work, atATime = availableParallelism()) {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}

// An apt that knows nothing of what is installed and keeps its lists and archives in `folder`, where mirrors are asked for
// lists of packages and, by the first who wants some, of sources.
export async function openPrivateApt(folder) {
  const lists = join(folder, 'lists');
  const archives = join(folder, 'archives');
  const sources = join(folder, 'sources.list');
  for (const directory of [lists, archives]) await mkdir(join(directory, 'partial'), { recursive: true });

  const settings = {
    'Dir::State::Lists': lists,
    'Dir::Cache::archives': archives,
    'Dir::State::status': '/dev/null',
    'Dir::Cache::pkgcache': '',
    'Dir::Cache::srcpkgcache': '',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'APT::Default-Release': '',
    'APT::Update::Error-Mode': 'any',
    'Acquire::Retries': '3',
    'Debug::NoLocking': '1', // a plain user may not take apt's lock; callers hold withLock
    ...(process.getuid() === 0 && { 'APT::Sandbox::User': 'root' }), // its usual one may not enter our folder
  };
  const ownSources = { 'Dir::Etc::sourcelist': sources, 'Dir::Etc::sourceparts': '/dev/null' };
  const apt = (args, extra = ownSources, cwd = folder) => {
    const options = Object.entries({ ...settings, ...extra }).flatMap(([name, value]) => [
      '-o',
      `${name}=${value}`,
    ]);
    return run('apt-get', [...options, ...args], { cwd });
  };

  // The mirrors this machine already uses; not every one of them need be Debian's.
  const mirrors = async () => {
    const printed = await apt(['update', '--print-uris'], {});
    const uris = [...printed.matchAll(/'(\S+?)\/dists\/[^/']+\/InRelease'/g)].map((match) => match[1]);
    return [...new Set(uris)].filter((uri) => !uri.includes('security'));
  };

  // `kind`: deb or deb-src
  const update = async (kind) => {
    const architecture = (await run('dpkg', ['--print-architecture'])).trim();
    let failure = new Error('apt has no sources: /etc/apt names no mirror');
    for (const mirror of await mirrors()) {
      await writeFile(
        sources,
        `${kind} [arch=${architecture} signed-by=${keyring}] ${mirror} ${suite} main\n`,
      );
      try {
        return await apt(['update']);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };

  return {
    // Paths of the .deb files of the packages and of those they depend on, but for what nobody needs who does not install.
    async download(packages, isNeeded) {
      await update('deb');
      const planned = await apt(['install', '--simulate', '--no-install-recommends', ...packages]);
      const names = [...planned.matchAll(/^Inst (\S+)/gm)].map((match) => match[1]);
      await apt(['download', ...names.filter(isNeeded)], ownSources, archives);
      return (await readdir(archives))
        .filter((name) => name.endsWith('.deb'))
        .map((name) => join(archives, name));
    },
    // Path of the upstream source archive of one package.
    async downloadSource(name) {
      await update('deb-src');
      await apt(['source', '--download-only', name]);
      const archive = (await readdir(folder)).find(
        (file) => file.startsWith(`${name}_`) && file.includes('.orig.tar.'),
      );
      return join(folder, archive);
    },
  };
}

export async function unpack(debs, root) {
  await mkdir(root, { recursive: true });
  await forEachInParallel(debs, (deb) => run('dpkg', ['-x', deb, root]));
}

// Makes the programs unpacked in `root` find the loader and the libraries of `root`, which may be newer than the machine's.
// Once only, and for good: the programs then hold the path of `root`. Needs the package patchelf in `root`.
export async function bindToOwnLibraries(root) {
  const usrLib = join(root, 'usr/lib');
  const folders = await readdir(usrLib);
  const libraries = join(
    usrLib,
    folders.find((name) => name.endsWith('-linux-gnu')),
  );
  const llvm = join(usrLib, folders.find((name) => name.startsWith('llvm-')) ?? 'llvm');
  const [loader] = await filesIn(libraries, (name) => name.startsWith('ld-linux'));
  const patchelf = (...args) =>
    run(loader, ['--library-path', libraries, join(root, 'usr/bin/patchelf'), ...args]);

  // A library with a search path of its own (RUNPATH) would hide the program's (RPATH) from what it needs itself.
  const isSharedLibrary = (name) => /\.so(\.|$)/.test(name) && !/^(ld-linux|lib(c|m|pthread)\.so)/.test(name);
  const sharedLibraries = [
    ...(await filesIn(libraries, isSharedLibrary)),
    ...(await filesIn(join(llvm, 'lib'), isSharedLibrary)),
  ];
  await forEachInParallel(sharedLibraries, (file) => patchelf('--remove-rpath', file));

  const isProgram = (name) => name !== 'patchelf'; // which cannot be both the tool and the work
  const programs = [
    ...(await filesIn(join(root, 'usr/bin'), isProgram)),
    ...(await filesIn(join(llvm, 'bin'), isProgram)),
  ];
  await forEachInParallel(programs, async (file) => {
    if (!(await isElf(file))) return;
    // Two calls in this order: in the other, or in one call, patchelf breaks programs at fixed addresses, such as python3.
    await patchelf('--force-rpath', '--set-rpath', [libraries, join(llvm, 'lib')].join(':'), file);
    await patchelf('--set-interpreter', loader, file);
  });
}

async function filesIn(folder, isWanted) {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && isWanted(entry.name))
    .map((entry) => join(folder, entry.name));
}

async function isElf(path) {
  const file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
  await file.close();
  return buffer.toString('latin1') === '\x7fELF';
}
