// What a loss of power may leave of a folder: of what was not synced, all, nothing, or lengths without bytes.
import fs, { type BigIntStats, fstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

/** What is in a folder: bytes by name. */
export type Files = ReadonlyMap<string, Buffer>;

const changing = [
  'writeSync',
  'ftruncateSync',
  'fsyncSync',
  'rename',
  'rm',
  'copyFile',
  'writeFile',
] as const;

/** A file, whatever it is called; numbers alone are used again. */
const idOf = ({ ino, birthtimeNs }: BigIntStats) => `${ino} ${birthtimeNs}`;

/** Every folder that a loss of power may leave, before the work, between any two of its calls, or behind it. */
export async function powerCuts(
  folder: string,
  counts: (name: string) => boolean,
  work: () => Promise<unknown>,
): Promise<Files[]> {
  const left = new Map<string, Files>(); // by what tells them apart
  const bytes = new Map<string, Buffer>(); // of each file, as programs see it
  const synced = new Map<string, Buffer>();
  const look = () => {
    const names = new Map<string, string>();
    for (const name of readdirSync(folder).filter(counts)) {
      const path = join(folder, name);
      const file = idOf(statSync(path, { bigint: true }));
      names.set(name, file);
      bytes.set(file, readFileSync(path));
    }
    return names;
  };
  let names = look();
  let syncedNames = names;
  for (const [file, content] of bytes) synced.set(file, content);
  const cut = () => {
    names = look();
    const empty = Buffer.alloc(0);
    const contents = [
      (file: string) => synced.get(file) ?? empty,
      (file: string) => bytes.get(file) ?? empty,
      (file: string) => {
        const { length } = bytes.get(file) ?? empty;
        return Buffer.concat([synced.get(file) ?? empty, Buffer.alloc(length)], length);
      },
    ];
    for (const there of [syncedNames, names])
      for (const contentOf of contents) {
        const files = new Map([...there].map(([name, file]) => [name, contentOf(file)]));
        const told = [...files].map(([name, content]) => `${name} ${content.toString('latin1')}`).sort();
        left.set(told.join('\n'), files);
      }
  };
  const syncFile = (file: string) => {
    const content = bytes.get(file);
    if (content) synced.set(file, content);
  };

  const originals = { ...fs, promises: { ...fs.promises } };
  for (const name of changing) {
    const owner = name.endsWith('Sync') ? fs : fs.promises;
    const original = Reflect.get(name.endsWith('Sync') ? originals : originals.promises, name);
    Reflect.set(owner, name, (...given: unknown[]) => {
      const result = Reflect.apply(original, owner, given);
      if (!(result instanceof Promise)) {
        cut();
        if (name === 'fsyncSync') syncFile(idOf(fstatSync(Number(given[0]), { bigint: true })));
        return result;
      }
      return result.then((value) => {
        cut();
        return value;
      });
    });
  }
  Reflect.set(fs.promises, 'open', async (...given: Parameters<typeof fs.promises.open>) => {
    const handle = await originals.promises.open(...given);
    const sync = async () => {
      cut();
      await handle.sync();
      const stats = await handle.stat({ bigint: true });
      if (stats.isDirectory()) syncedNames = names;
      else syncFile(idOf(stats));
      cut();
    };
    return { sync, writeFile: handle.writeFile.bind(handle), close: handle.close.bind(handle) };
  });
  syncBuiltinESMExports();
  try {
    cut();
    await work();
    cut();
  } finally {
    for (const name of changing) {
      const isSync = name.endsWith('Sync');
      const original = Reflect.get(isSync ? originals : originals.promises, name);
      Reflect.set(isSync ? fs : fs.promises, name, original);
    }
    Reflect.set(fs.promises, 'open', originals.promises.open);
    syncBuiltinESMExports();
  }
  return [...left.values()];
}
