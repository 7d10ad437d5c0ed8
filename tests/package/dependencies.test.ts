// What the package brings along: pinned, without scripts that run when it is installed, and all of it in the bill of materials.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { manifest, repository, run, tarball } from './packed.js';

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}
const lock: { packages: Record<string, Locked> } = JSON.parse(
  readFileSync(join(repository, 'package-lock.json'), 'utf8'),
);
const packages = Object.entries(lock.packages).filter(([path]) => path !== '');

test('the lock file names every package by version and hash', () => {
  expect(packages.length).toBeGreaterThan(50);
  const loose = packages.filter(([, { version, integrity, link }]) => link || !version || !integrity);
  expect(loose).toEqual([]);
});

test('nothing that ships runs a script when it is installed', () => {
  const shipped = packages.filter(([, { dev }]) => !dev);
  expect(shipped.map(([path]) => path)).toEqual(
    expect.arrayContaining(Object.keys(manifest.dependencies).map((name) => `node_modules/${name}`)),
  );
  expect(shipped.filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([]);
  const own = Object.keys(manifest.scripts).filter((name) => /^(pre|post)?(install|prepare)$/.test(name));
  expect(own).toEqual([]);
});

test('the bill of materials has the dependencies and what the notices name, each once', () => {
  tarball(); // the notices of what is built
  const bill: { bomFormat: string; components: { name: string; version?: string; purl: string }[] } =
    JSON.parse(run(process.execPath, ['wasm/sbom.mjs'], { cwd: repository }));
  expect(bill.bomFormat).toBe('CycloneDX');
  const notices = readFileSync(join(repository, 'dist/THIRD-PARTY-NOTICES.txt'), 'utf8');
  const named = [...notices.matchAll(/^([@\w/.+-]+)(?: [\d.]+)?, [^,\n]+, https:\/\/\S+$/gm)].map(
    ([, name]) => name,
  );
  expect(named).toContain('libc++');
  const names = bill.components.map(({ name }) => name).sort();
  expect(names).toEqual([...new Set([...named, ...Object.keys(manifest.dependencies)])].sort());
  expect(new Set(bill.components.map(({ purl }) => purl)).size).toBe(names.length);
  expect(JSON.stringify(bill)).not.toContain(repository);
});
