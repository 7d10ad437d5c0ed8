// Finds what the WebAssembly build needs on this machine, and on Debian gets what is missing into the git-ignored folder
// .toolchain/ of the checkout. Nothing is installed system-wide. Run `node wasm/toolchain.mjs`, or call ensureToolchain().
//
//   .toolchain/root/            unpacked Debian packages, Emscripten in usr/share/emscripten
//   .toolchain/bin/             cmake and ninja, when the machine has none
//   .toolchain/xsimd/include/   xsimd's headers and nothing else
//   .toolchain/catch2/          Catch2's sources
//   .toolchain/cache/           Emscripten's compiled system libraries
//   .toolchain/downloads/       only while installing

import { execFileSync } from 'node:child_process';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  bindToOwnLibraries,
  machineIsDebian,
  openPrivateApt,
  run,
  unpack,
  withLock,
} from './debian-packages.mjs';
import { log } from './progress.mjs';

const home = join(dirname(dirname(fileURLToPath(import.meta.url))), '.toolchain');
const root = join(home, 'root');
const ownEmscripten = join(root, 'usr/share/emscripten');
const ownXsimd = join(home, 'xsimd/include');
const ownCatch2 = join(home, 'catch2');
const rootRecord = join(root, '.complete'); // JSON: the packages asked for, and where, for the programs hold absolute paths

const partNames = {
  emscriptenRoot: 'Emscripten 4',
  xsimdInclude: 'xsimd 13',
  catch2Source: 'Catch2 3',
  cmake: 'CMake 3.21',
  ninja: 'Ninja',
};
const buildParts = Object.keys(partNames).filter((part) => part !== 'catch2Source');
const debianPackages = {
  emscriptenRoot: 'emscripten',
  xsimdInclude: 'libxsimd-dev',
  cmake: 'cmake',
  ninja: 'ninja-build',
};

// What Debian's packages ask for beside these, 50 of 170 MB: Node.js, which runs already, and what compiles for this machine.
const unneeded =
  /^(nodejs|node-(corepack|undici)|libnode|libicu|lib(a|hwa|l|t|ub)san|libc(6)?-dev|lib(gcc|stdc\+\+|objc)-.*-dev|linux-libc|binutils|libgprofng|tzdata)/;

const byHand = `To install by hand instead:
  Emscripten >= 4, emcc on PATH: with emsdk, \`emsdk install 6.0.5 && emsdk activate 6.0.5\` and its environment script
  xsimd >= 13: set XSIMD_INCLUDE_DIR to the folder that has xsimd/xsimd.hpp and no system headers
  Catch2 3: set CATCH2_SOURCE_DIR to a source checkout, with extras/catch_amalgamated.cpp
  CMake >= 3.21 and Ninja, on PATH`;

// Resolves to the paths of the tools, and in `env` the variables that a build with them sets. `forTests`: with Catch2.
export async function ensureToolchain({ forTests = true } = {}) {
  const parts = forTests ? Object.keys(partNames) : buildParts;
  let tools = locate();
  if (missingIn(tools, parts).length > 0) {
    if (!machineIsDebian)
      throw new Error(
        `Missing, and only on Debian fetched for you: ${namesOf(missingIn(tools, parts))}.\n${byHand}`,
      );
    mkdirSync(home, { recursive: true });
    await withLock(join(home, 'lock'), async () => {
      tools = locate(); // another run may have just finished
      if (missingIn(tools, parts).length > 0) await installFromDebian(missingIn(tools, parts));
    });
    tools = locate();
  }
  const emConfig = tools.emscriptenRoot === ownEmscripten ? writeEmscriptenConfig() : undefined;
  const env = {
    PATH: [tools.emscriptenRoot, join(home, 'bin'), process.env.PATH].filter(Boolean).join(delimiter),
    RWKV_EMSCRIPTEN_ROOT: tools.emscriptenRoot,
    XSIMD_INCLUDE_DIR: tools.xsimdInclude,
    CATCH2_SOURCE_DIR: tools.catch2Source,
    ...(emConfig && { EM_CONFIG: emConfig }),
  };
  return { ...tools, emConfig, env };
}

/** Whether nothing is missing that a build needs. */
export function toolchainIsComplete() {
  return missingIn(locate(), buildParts).length === 0;
}

/** Of the Emscripten that a build takes; of what was unpacked here too where the checkout has moved since. */
export function emscriptenVersion() {
  return versionOf(systemEmscripten() ?? ownEmscripten) || undefined;
}

/** The versions of what becomes part of a module; undefined what is not here. */
export function librariesOfModules() {
  const emscripten = systemEmscripten() ?? ownEmscripten;
  const library = (path) => readOrEmpty(join(emscripten, 'system/lib', path));
  const llvm = Number(/define _LIBCPP_VERSION (\d+)/.exec(library('libcxx/include/__config'))?.[1]); // 210108: 21.1.8
  return {
    emscripten: emscriptenVersion(),
    xsimd: xsimdVersion(givenXsimd() ?? ownXsimd),
    musl: library('libc/musl/VERSION').trim() || undefined,
    llvm: llvm ? [llvm / 10_000, (llvm / 100) % 100, llvm % 100].map(Math.floor).join('.') : undefined,
  };
}

function locate() {
  const inRoot = (path) => (packagesInRoot().length > 0 ? existing(path) : undefined);
  return {
    emscriptenRoot: systemEmscripten() ?? inRoot(ownEmscripten),
    xsimdInclude: givenXsimd() ?? existing(ownXsimd) ?? copyOfSystemXsimd(),
    catch2Source: givenCatch2() ?? existing(ownCatch2),
    cmake: systemCmake() ?? inRoot(join(home, 'bin/cmake')),
    ninja: findOnPath('ninja') ?? inRoot(join(home, 'bin/ninja')),
  };
}

const existing = (path) => (existsSync(path) ? path : undefined);

const missingIn = (tools, parts) => parts.filter((part) => tools[part] === undefined);

const namesOf = (parts) => parts.map((part) => partNames[part]).join(', ');

function systemEmscripten() {
  const emConfig = findOnPath('emcc') && findOnPath('em-config');
  if (!emConfig) return undefined;
  const emscriptenRoot = execFileSync(emConfig, ['EMSCRIPTEN_ROOT'], { encoding: 'utf8' }).trim();
  return Number.parseInt(versionOf(emscriptenRoot), 10) >= 4 ? emscriptenRoot : undefined;
}

function versionOf(emscriptenRoot) {
  return readOrEmpty(join(emscriptenRoot, 'emscripten-version.txt')).replaceAll('"', '').trim();
}

function givenXsimd() {
  const folder = process.env.XSIMD_INCLUDE_DIR;
  if (folder && !(Number.parseInt(xsimdVersion(folder), 10) >= 13))
    throw new Error(`XSIMD_INCLUDE_DIR: ${folder} has no xsimd >= 13`);
  return folder || undefined;
}

function xsimdVersion(includeFolder) {
  const config = readOrEmpty(join(includeFolder, 'xsimd/config/xsimd_config.hpp'));
  const [first, ...others] = config.matchAll(/define XSIMD_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)/g);
  return first && [first, ...others].map(([, number]) => number).join('.');
}

function givenCatch2() {
  const folder = process.env.CATCH2_SOURCE_DIR;
  if (folder && !existsSync(join(folder, 'extras/catch_amalgamated.cpp'))) {
    throw new Error(`CATCH2_SOURCE_DIR: ${folder} has no extras/catch_amalgamated.cpp`);
  }
  return folder || undefined;
}

function systemCmake() {
  const cmake = findOnPath('cmake');
  if (!cmake) return undefined;
  const [, major, minor] = /version (\d+)\.(\d+)/
    .exec(execFileSync(cmake, ['--version'], { encoding: 'utf8' }))
    .map(Number);
  return major > 3 || minor >= 21 ? cmake : undefined;
}

function findOnPath(name) {
  // but not what we brought ourselves
  const folders = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder && !(folder + sep).startsWith(home + sep));
  return folders.map((folder) => join(folder, name)).find(isExecutableFile);
}

function isExecutableFile(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

// Each part appears, or is recorded, when it is complete, so that an interrupted installation resumes.
async function installFromDebian(missing) {
  const step = async (title, work) => {
    log(title);
    try {
      return await work();
    } catch (error) {
      throw new Error(
        `Failed to ${title}:\n${error.message}\n\nRun again to resume, or delete ${home} to start anew.\n${byHand}`,
      );
    }
  };
  log(`Missing here, or too old: ${namesOf(missing)}.`);
  log(`They come from Debian packages, unpacked into ${home}; nothing is installed system-wide.`);
  if (missing.includes('emscriptenRoot'))
    log('About 130 MB to download and 650 MB of disk; half a minute on a fast network.');

  const downloads = join(home, 'downloads');
  const apt = await openPrivateApt(downloads);

  const wanted = missing.map((part) => debianPackages[part]).filter((name) => name !== undefined);
  if (wanted.some((name) => !packagesInRoot().includes(name))) await installRoot(wanted, apt, step);
  if (missing.includes('xsimdInclude'))
    await step('copy the headers of xsimd', () => copyXsimd(join(root, 'usr/include')));
  if (missing.includes('catch2Source')) {
    await step('download the sources of Catch2', async () => {
      const archive = await apt.downloadSource('catch2');
      createFolder(ownCatch2, (folder) =>
        execFileSync('tar', ['-xf', archive, '--strip-components=1', '-C', folder]),
      );
    });
  }
  await step('delete the downloads', () => rmSync(downloads, { recursive: true, force: true }));
}

async function installRoot(wanted, apt, step) {
  const packages = [...new Set([...packagesInRoot(), ...wanted, 'patchelf'])];
  const debs = await step('download the packages', () =>
    apt.download(packages, (name) => !unneeded.test(name)),
  );
  await step(`unpack ${debs.length} packages`, async () => {
    rmSync(root, { recursive: true, force: true });
    await unpack(debs, root);
  });
  await step('bind the programs to their own libraries', async () => {
    await bindToOwnLibraries(root);
    linkTools(['cmake', 'ctest', 'ninja']);
    if (packages.includes('emscripten')) {
      bindEmscripten();
      const env = { ...process.env, EM_CONFIG: writeEmscriptenConfig() };
      await run(join(ownEmscripten, 'emcc'), ['-v'], { env }); // it starts, and so do python3 and clang
    }
    writeFileSync(rootRecord, JSON.stringify({ home, packages }));
  });
}

function packagesInRoot() {
  const record = JSON.parse(readOrEmpty(rootRecord) || '{}');
  return record.home === home ? record.packages : [];
}

function copyOfSystemXsimd() {
  const folder = ['/usr/local/include', '/usr/include'].find(
    (path) => Number.parseInt(xsimdVersion(path), 10) >= 13,
  );
  if (folder) copyXsimd(folder);
  return folder && ownXsimd;
}

// Copied, for beside them lie the C library's headers, which are not for WebAssembly.
function copyXsimd(includeFolder) {
  const copy = (folder) =>
    cpSync(join(includeFolder, 'xsimd'), join(folder, 'include/xsimd'), { recursive: true });
  createFolder(dirname(ownXsimd), copy);
}

// The folder appears when it is complete.
function createFolder(path, fill) {
  const partial = `${path}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  fill(partial);
  rmSync(path, { recursive: true, force: true });
  renameSync(partial, path);
}

// Emscripten looks for python3 on PATH and for npm packages beside itself; both came along as Debian packages.
function bindEmscripten() {
  const quoted = (path) => `'${path.replaceAll("'", `'\\''`)}'`;
  const python = join(root, 'usr/bin/python3');
  for (const name of readdirSync(ownEmscripten).filter((name) => /^em[^.]+$/.test(name))) {
    const launcher = join(ownEmscripten, name);
    if (!statSync(launcher).isFile() || !readFileSync(launcher, 'utf8').startsWith('#!/bin/sh')) continue;
    const script = [join(ownEmscripten, `${name}.py`), join(ownEmscripten, 'tools', `${name}.py`)].find(
      (path) => existsSync(path),
    );
    writeFileSync(launcher, `#!/bin/sh\nexec ${quoted(python)} -E ${quoted(script)} "$@"\n`);
  }
  // Its scripts are CommonJS, whatever the package.json of the checkout around them says.
  writeFileSync(join(ownEmscripten, 'package.json'), '{ "type": "commonjs" }\n');
  const packages = join(ownEmscripten, 'node_modules');
  rmSync(packages, { force: true });
  symlinkSync('../nodejs', packages);
  // They find each other there: further up are those of the checkout, which may just be being installed.
  const siblings = join(root, 'usr/share/nodejs/node_modules');
  rmSync(siblings, { force: true });
  symlinkSync('.', siblings);
}

function linkTools(names) {
  const bin = join(home, 'bin');
  mkdirSync(bin, { recursive: true });
  for (const name of names.filter((name) => existsSync(join(root, 'usr/bin', name)))) {
    rmSync(join(bin, name), { force: true });
    symlinkSync(join('../root/usr/bin', name), join(bin, name));
  }
}

// Where Emscripten looks by itself, so that builds need no variable. Follows the node that runs us.
function writeEmscriptenConfig() {
  const llvm = readdirSync(join(root, 'usr/lib')).find((name) => name.startsWith('llvm-'));
  const settings = {
    LLVM_ROOT: join(root, 'usr/lib', llvm, 'bin'),
    BINARYEN_ROOT: join(root, 'usr'),
    NODE_JS: process.execPath,
    CACHE: join(home, 'cache'),
  };
  const text = Object.entries(settings)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`)
    .join('');
  const path = join(ownEmscripten, '.emscripten');
  if (readOrEmpty(path) !== text) writeFileSync(path, text);
  return path;
}

function readOrEmpty(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { emscriptenRoot } = await ensureToolchain();
    console.log(`Emscripten is in ${emscriptenRoot}`);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
