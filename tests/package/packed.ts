// The package as npm packs it, installed into empty projects outside this repository.
import { type SpawnSyncOptionsWithStringEncoding, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../../', import.meta.url));
/** What package.json says. */
export const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
const tarballs = join(repository, 'build/package');

/** Runs a program; what it printed. Throws what it said when it fails. */
export function run(
  command: string,
  args: readonly string[],
  options: Partial<SpawnSyncOptionsWithStringEncoding> = {},
): string {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    timeout: 120_000,
    ...options,
    encoding: 'utf8',
  });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? `${stdout}${stderr}`}`);
}

/** The path of the tarball that `npm publish` would send, made of what is built. Made once for all tests. */
export function tarball(): string {
  run(process.execPath, ['wasm/bundle.mjs'], { cwd: repository });
  const path = join(tarballs, `${fingerprint()}.tgz`);
  if (existsSync(path)) return path;
  mkdirSync(tarballs, { recursive: true });
  const folder = mkdtempSync(join(tarballs, 'making-'));
  try {
    // Without the script that builds all first: other tests run from dist/ meanwhile.
    run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: repository });
    const [made = ''] = readdirSync(folder);
    renameSync(join(folder, made), path); // whoever is first: tests that run side by side make the same
  } finally {
    rmSync(folder, { recursive: true });
  }
  for (const name of readdirSync(tarballs))
    if (name.endsWith('.tgz') && !path.endsWith(name)) rmSync(join(tarballs, name), { force: true });
  return path;
}

// Of all that npm packs.
function fingerprint(): string {
  const hash = createHash('sha256');
  const built = readdirSync(join(repository, 'dist'), { recursive: true, encoding: 'utf8' });
  const files = ['package.json', 'README.md', 'LICENSE', ...built.map((name) => join('dist', name))];
  for (const file of files.sort()) {
    const { size, mtimeMs } = statSync(join(repository, file));
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}

/** A project of a user of the package. */
export interface Project {
  readonly folder: string;
  /** Where the package lies in it. */
  readonly installed: string;
  write(files: Readonly<Record<string, string | Uint8Array>>): void;
  remove(): void;
}

/** A project of these files, with the package installed and, where there are some, other packages: saved, as users do. */
export function createProject(
  files: Readonly<Record<string, string | Uint8Array>> = {},
  packages: readonly string[] = [],
): Project {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'rwkv-wasm-project-'));
  const write = (given: typeof files) => {
    for (const [name, content] of Object.entries(given)) {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    }
  };
  write({ 'package.json': '{ "private": true, "type": "module" }\n', ...files });
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock'];
  const save = packages.length > 0 ? '--save' : '--no-save';
  run('npm', ['install', ...options, save, tarball(), ...packages], { cwd: folder, timeout: 400_000 });
  return {
    folder,
    installed: join(folder, 'node_modules/rwkv-wasm'),
    write,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
