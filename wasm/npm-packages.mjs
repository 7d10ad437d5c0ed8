// Whether node_modules holds what package-lock.json asks for.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** By what the two lists say: which packages, in which versions. Those of other systems are optional, and not here. */
export function npmPackagesAreInstalled(root) {
  const wanted = packagesIn(join(root, 'package-lock.json'));
  const installed = packagesIn(join(root, 'node_modules/.package-lock.json'));
  if (!wanted || !installed) return false;
  const names = Object.keys({ ...wanted, ...installed }).filter((name) => name !== '');
  return names.every((name) =>
    installed[name] ? installed[name].version === wanted[name]?.version : wanted[name].optional,
  );
}

function packagesIn(lockFile) {
  try {
    return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
