// Models in several files: an index (model.safetensors.index.json), any one of files that are numbered, or all of them.
import { RwkvError } from '../shared/errors.js';
import type { Place } from '../shared/protocol.js';
import { fileName } from './places.js';

/** What a model is read from: its name, and the place of each of its files. */
export interface ModelPlaces {
  readonly name: string;
  readonly parts: readonly Place[];
}

/**
 * The files of a model that has several, found by what its index lists or how they are numbered; `undefined`: it has one.
 * `readIndex` answers the names in an index.
 *
 * @throws RwkvError `bad-file` where files are missing, and what `readIndex` throws
 */
export async function partsOf(
  place: Place,
  readIndex: (index: Place) => Promise<readonly string[]>,
): Promise<ModelPlaces | undefined> {
  if (place.kind === 'parts') return together(place.parts, readIndex);
  if (isIndex(place)) {
    if (!isLocated(place)) throw apart(place.name, 'an index: give all files that it lists with it');
    const names = await readIndex(place);
    return { name: place.name, parts: names.map((name) => beside(place, name, encodeURIComponent(name))) };
  }
  const numbered = numberedAs(place.name);
  if (!numbered || numbered.names.length === 1) return undefined;
  if (!isLocated(place)) throw apart(place.name, `one of ${numbered.names.length} files: give all of them`);
  return { name: numbered.name, parts: numbered.names.map((name) => beside(place, name, name)) };
}

// Files that were given together.
async function together(
  places: readonly Place[],
  readIndex: (index: Place) => Promise<readonly string[]>,
): Promise<ModelPlaces> {
  const files = places.filter((place) => !isIndex(place));
  const [index, second] = places.filter(isIndex);
  if (second) throw apart(second.name, 'a second index');
  const [first] = files;
  const numbered = first && numberedAs(first.name);
  const wanted = index ? await readIndex(index) : (numbered?.names ?? files.map(({ name }) => name));
  if (index || numbered) {
    const lacking = wanted.find((name) => files.every((file) => file.name !== name));
    if (lacking !== undefined)
      throw apart(index?.name ?? first?.name ?? '', `its part ${lacking} was not given`);
    const stray = files.find(({ name }) => !wanted.includes(name));
    if (stray) throw apart(stray.name, 'none of the parts of the model');
    const twice = files.find((file, i) => files.findIndex(({ name }) => name === file.name) < i);
    if (twice) throw apart(twice.name, 'given twice');
  }
  return { name: index?.name ?? numbered?.name ?? first?.name ?? '', parts: files };
}

function apart(name: string, what: string): RwkvError {
  return new RwkvError('bad-file', `${name}: ${what}`);
}

function isIndex({ name }: Place): boolean {
  return /\.json$/i.test(name);
}

type Located = Extract<Place, { readonly kind: 'url' | 'path' }>;

// Whether other files can be found beside it: what was a Blob is alone wherever it lies.
function isLocated(place: Place): place is Located {
  if (place.kind === 'path') return fileName(place.path) === place.name;
  return place.kind === 'url' && /^(https?|file):/i.test(place.url);
}

const mostParts = 10_000;

// model-00002-of-00003.gguf: the names of all three, and what stands before their numbers.
function numberedAs(name: string) {
  const [, stem = '', , count = '', end = ''] =
    /^(.+)-(\d{5})-of-(\d{5})(\.(?:safetensors|gguf))$/i.exec(name) ?? [];
  const parts = Math.min(Number(count), mostParts);
  if (parts === 0) return undefined;
  const names = Array.from(
    { length: parts },
    (_, i) => `${stem}-${String(i + 1).padStart(5, '0')}-of-${count}${end}`,
  );
  return names.includes(name) ? { name: `${stem}${end}`, names } : undefined;
}

// The file of that name in the same folder, with the same query.
function beside(place: Located, name: string, segment: string): Place {
  if (place.kind === 'path')
    return { kind: 'path', name, path: place.path.slice(0, place.path.length - place.name.length) + name };
  const sibling = (address: string) => {
    const url = new URL(address);
    url.pathname = url.pathname.replace(/[^/]*$/, segment);
    return url.href;
  };
  const { kind, asked } = place;
  const url = sibling(place.url);
  const from = place.from.map((address) => ({ ...address, url: sibling(address.url) }));
  return { kind, name: fileName(url), url, asked, from };
}
