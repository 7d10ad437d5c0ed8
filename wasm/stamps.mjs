// What was made of what, decided by contents: file times change with every copy and every checkout.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** All files below `paths` (files or folders of `root`; what is not there has none) whose names match. */
export function filesBelow(root, paths, wanted = /./) {
  const found = paths.flatMap((path) => {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (!stat) return [];
    if (!stat.isDirectory()) return [path];
    return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)));
  });
  return found.filter((path) => wanted.test(path)).sort();
}

/** A hash of the names and contents of files. */
export function fingerprint(root, files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const bytes = readFileSync(join(root, file));
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

/**
 * Something that is made of files: `inputs()` and `outputs()` list them, `settings` say what else decides (a value that is
 * undefined is not known here, and decides nothing), and the file `stamp` keeps what was made of what.
 */
export function isCurrent({ root, stamp, inputs, outputs, settings = {} }) {
  const kept = readStamp(join(root, stamp));
  return (
    kept !== undefined &&
    Object.entries(settings).every(([name, value]) => value === undefined || kept.settings[name] === value) &&
    kept.inputs === fingerprint(root, inputs()) &&
    kept.outputs === fingerprint(root, outputs())
  );
}

/** Makes it. An interruption leaves no stamp, and so does an input that changes while it is made. */
export async function make(part, work) {
  const { root, stamp, inputs, outputs, settings = {} } = part;
  forget(part);
  const before = fingerprint(root, inputs());
  const result = await work();
  if (fingerprint(root, inputs()) !== before) return result;
  const text = JSON.stringify({ settings, inputs: before, outputs: fingerprint(root, outputs()) });
  mkdirSync(dirname(join(root, stamp)), { recursive: true });
  writeFileSync(join(root, stamp), text);
  return result;
}

/** From now on it is not current. */
export function forget({ root, stamp }) {
  rmSync(join(root, stamp), { force: true });
}

function readStamp(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined; // none, or half of one
  }
}
