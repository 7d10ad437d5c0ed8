// The models that are known by name: what is known of each, where it is to be had, and which one a name means.
import { RwkvError, show } from '../shared/errors.js';
import { world } from '../shared/world.js';
import type { Preset } from './presets.js';
import { presets } from './presets.js';
import { type Published, published } from './published.js';

/** A published model that `RWKV.load` and `store.download` know by its name. */
export interface KnownModel {
  /** Its shortest name that means no other; that of its file, without the ending, means it too. */
  readonly name: string;
  /** The name of the file. */
  readonly file: string;
  /** Its size. */
  readonly bytes: number;
  /** What a download must have, in hexadecimal. */
  readonly sha256: string;
  /** The day of its publication. */
  readonly date: string;
  /** Weights in billions, as the name says. */
  readonly billions: number;
  /** Tokens of the texts that it was trained on at the end; texts may be longer. `null`: it is not told. */
  readonly context: number | null;
  /** SPDX. */
  readonly licence: string;
  /** `'world'`: the file brings none, and that of the World models is fetched with it. */
  readonly vocabulary: 'world' | 'embedded';
  /** Sampling that suits it, which `model.info.sampling` then is. */
  readonly sampling: Preset;
  /** Where it is asked for, one after the other: URLs and names of the hub. The last one names it in the store. */
  readonly sources: readonly string[];
  /** What its name is without what a later one of its kind and size has otherwise: that means the newest of them. */
  readonly kind: string;
}

interface Named {
  readonly stem: string;
  readonly short: string;
  readonly kind: string;
}

// rwkv7-g1d-0.4b-20260210-ctx8192.pth: stem rwkv7-g1d-0.4b-20260210-ctx8192, short rwkv7-g1d-0.4b, kind rwkv7-g1-0.4b
function namesOf(file: string): Named {
  const stem = file.replace(/\.\w+$/, '').toLowerCase();
  const short = stem
    .replace(/^rwkv-x070-/, 'rwkv7-')
    .replace(/(-v[\d.]+)?(-\d{8}-ctx\d+)?[-_]?(q\d\w*)?$/, (_, _version, _date, type) =>
      type ? `-${type}` : '',
    );
  return { stem, short, kind: short.replace(/-g1\w*-/, '-g1-') };
}

const authors: Readonly<Record<string, string>> = {
  'rwkv7-g1-': 'hf:BlinkDL/rwkv7-g1/',
  'rwkv7-world-': 'hf:BlinkDL/rwkv-7-world/',
};

/** What is known of published files, by the names that are theirs alone. */
export function catalogueOf(files: readonly Published[]): readonly KnownModel[] {
  const named = files.map((of) => ({ of, names: namesOf(of.file) }));
  return named.map(({ of, names: { stem, short, kind } }) => {
    const { file, bytes, sha256, date, folder } = of;
    const isTaken = named.some(
      ({ of: other, names }) => other.date > date && (names.short === short || names.kind === short),
    );
    const isAuthors = file.endsWith('.pth');
    const [, home] = Object.entries(authors).find(([start]) => isAuthors && kind.startsWith(start)) ?? [];
    return {
      ...{ name: isTaken ? stem : short, file, bytes, sha256, date, kind },
      billions: Number(/-(\d+\.\d+)b/.exec(short)?.[1]),
      context: Number(/-ctx(\d+)/.exec(stem)?.[1] ?? 0) || null,
      licence: 'Apache-2.0',
      vocabulary: isAuthors ? 'world' : 'embedded',
      sampling: presets.chat,
      sources: [...new Set([folder + file, ...(home ? [home + file] : [])])],
    };
  });
}

/** The published models that are known by name. */
export const knownModels: readonly KnownModel[] = catalogueOf(published);

/** A file of which all is known but its bytes. */
export interface KnownFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly sources: readonly string[];
}

/** What comes by its name, or by itself. */
export interface Catalogue {
  readonly models: readonly KnownModel[];
  /** The vocabulary of RWKV World. */
  readonly world: KnownFile;
}

export const catalogue: Catalogue = { models: knownModels, world };

/** The model that a name means: that of its file, or the newest of its kind. */
export function findKnown(name: string, catalogue: readonly KnownModel[]): KnownModel | undefined {
  const asked = name.toLowerCase();
  const exact = catalogue.find(({ file }) => namesOf(file).stem === asked);
  const meant = catalogue.filter(({ file, kind }) => kind === asked || namesOf(file).short === asked);
  return exact ?? meant.sort((a, b) => a.date.localeCompare(b.date)).at(-1);
}

/** Says which names there are, for one that is nearly one of them; `undefined`: it is like none. */
export function unknownModel(
  where: string,
  name: string,
  catalogue: readonly KnownModel[],
): RwkvError | undefined {
  const kinds = [...new Set(catalogue.map(({ kind }) => kind))];
  const names = [
    ...new Set([...kinds, ...catalogue.flatMap(({ file, name }) => [name, namesOf(file).stem])]),
  ];
  const asked = name.toLowerCase().replace(/\.(pth|gguf)$/, '');
  const [nearest] = names
    .map((known) => ({ known, far: distance(asked, known) }))
    .sort((a, b) => a.far - b.far);
  if (!nearest || (nearest.far > 4 && !asked.startsWith('rwkv'))) return undefined;
  const found = `${where}: no file and no known model is named ${show(name)}`;
  return new RwkvError(
    'invalid-argument',
    `${found}; did you mean '${nearest.known}'? Known are ${kinds.join(', ')}`,
  );
}

// Letters to change, add or leave out between two names (Levenshtein).
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const [left = 0, above = 0, before = 0] = [next[j], row[j + 1], row[j]];
      next.push(Math.min(left + 1, above + 1, before + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
