// From what the caller names to the place where its bytes are.

import { RwkvError, sentence, unexpected } from '../shared/errors.js';
import type { Asked, Place, VocabularyChoice } from '../shared/protocol.js';
import { isArrayBuffer, isBlob, isUrl } from '../shared/realms.js';
import { addressOf, expandShorthand, type Hub } from '../store/hub.js';
import { findKnown, type KnownFile, type KnownModel, unknownModel } from './catalogue.js';
import type { Host } from './host.js';

/**
 * Where a file comes from: a URL (in Node also a path), `hf:owner/repository/file@revision` of Hugging Face (default:
 * revision `main`), the name of a model of `knownModels` (in Node a file of that name goes before; `./name` is always the file), a file that the user chose or that lies in OPFS, or bytes.
 */
export type FileSource = string | URL | Blob | FileHandle | ArrayBuffer | ArrayBufferView;

/**
 * Where a model comes from: one file, or all files of a model that was split, in any order, with or without its index. The
 * path or URL of the index (model.safetensors.index.json), or of any of the files where they are numbered
 * (model-00001-of-00002.safetensors, .gguf), stands for all.
 */
export type ModelSource = FileSource | readonly FileSource[];

/** What is needed of a FileSystemFileHandle, as a picker or OPFS gives it. */
export interface FileHandle {
  /** The name of the file. */
  readonly name: string;
  /** The file as it is at the time. */
  getFile(): Promise<Blob>;
}

/** The last part of a path or URL: the name that people know a file by. */
export function fileName(path: string): string {
  return (
    path
      .replace(/[?#].*$/, '')
      .split(/[/\\]/)
      .findLast((part) => part !== '') ?? path
  );
}

/** How messages name what a caller gives for a file. */
const given: Readonly<Record<Asked, string>> = {
  model: 'source',
  vocabulary: 'option tokenizer',
  state: 'option state',
  lora: 'option lora',
  any: 'url',
};

/** What is done with a place. */
export type Use<T> = (place: Place) => Promise<T>;

/** Lets go of what lay there for us alone. */
export async function release(host: Host, place: Place): Promise<void> {
  for (const file of place.kind === 'parts' ? place.parts : [place]) await host.release?.(file);
}

/**
 * Where the bytes of a source are. What a handle stands for is read as the Blob that it gives.
 *
 * @throws RwkvError `invalid-argument`, `read-failed`
 */
export async function placeOf(host: Host, hub: Hub, asked: Asked, source: ModelSource): Promise<Place> {
  if (!isList(source)) return placeOfFile(host, hub, asked, source);
  const name = given[asked];
  if (source.length === 0) throw unexpected(name, 'at least one file', source);
  const parts: Place[] = [];
  try {
    for (const file of source) parts.push(await placeOfFile(host, hub, asked, file));
  } catch (error) {
    await release(host, { kind: 'parts', name, parts });
    throw error;
  }
  return { kind: 'parts', name, parts };
}

async function placeOfFile(host: Host, hub: Hub, asked: Asked, source: FileSource): Promise<Place> {
  const name = given[asked];
  if (isFileHandle(source)) return placeOfFile(host, hub, asked, await openHandle(name, source));
  if (typeof source === 'string' || isUrl(source)) {
    const known = asked === 'model' || asked === 'any' ? knownOf(host, source) : undefined;
    if (known) return knownPlace(hub, asked, known);
    const expanded = expandShorthand(name, String(source));
    if (typeof source === 'string' && isName(source) && !host.hasFile?.(source)) {
      const unknown = unknownModel(name, source, host.catalogue.models);
      if (unknown) throw unknown;
    }
    try {
      const place = host.locate(expanded ?? source);
      if (place.kind === 'path') return place;
      return { ...place, asked, from: [addressOf(place.url, expanded !== undefined, hub)] };
    } catch (cause) {
      throw new RwkvError('invalid-argument', `${name}: '${source}' is no URL`, { cause });
    }
  }
  if (isBlob(source)) {
    const blobName = 'name' in source ? String(source.name) : 'blob';
    return host.spool ? host.spool(source, blobName) : { kind: 'blob', name: blobName, blob: source };
  }
  if (isArrayBuffer(source)) return { kind: 'bytes', name: 'bytes', bytes: new Uint8Array(source).slice() };
  if (ArrayBuffer.isView(source)) {
    const view = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
    return { kind: 'bytes', name: 'bytes', bytes: Uint8Array.from(view) };
  }
  throw unexpected(name, 'a URL, a path, a Blob, an ArrayBuffer or a view of one', source);
}

/** The model that a source is the name of, where that is none of a file. */
export function knownOf(host: Host, source: ModelSource | undefined): KnownModel | undefined {
  if (typeof source !== 'string' || !isName(source) || host.hasFile?.(source)) return undefined;
  return findKnown(source, host.catalogue.models);
}

// No path, no URL, and not what files of models are called.
function isName(source: string): boolean {
  return /^\w[\w.-]*$/.test(source) && !/\.(pth|safetensors|st|gguf|bin|json|txt)$/i.test(source);
}

/** Where it is asked for: at a hub that was named before all others. */
export function knownPlace(hub: Hub, asked: Asked, known: KnownFile): Place {
  const { file: name, bytes, sha256 } = known;
  const found = known.sources.map((source) => {
    const expanded = expandShorthand('source', source);
    const { href: url } = new URL(expanded ?? source);
    const isShorthand = expanded !== undefined;
    return { url, address: addressOf(url, isShorthand, hub), rank: hub.isNamed && isShorthand ? 0 : 1 };
  });
  const from = [...found].sort((a, b) => a.rank - b.rank).map(({ address }) => address);
  return { kind: 'url', name, url: found.at(-1)?.url ?? '', asked, from, bytes, sha256 };
}

function isList(source: ModelSource): source is readonly FileSource[] {
  return Array.isArray(source);
}

function isFileHandle(source: FileSource): source is FileHandle {
  return typeof source === 'object' && source !== null && 'getFile' in source;
}

async function openHandle(name: string, handle: FileHandle): Promise<Blob> {
  try {
    return await handle.getFile();
  } catch (cause) {
    throw new RwkvError('read-failed', `${name}: ${handle.name}: ${sentence(cause)}`, { cause });
  }
}

/** The memory that goes to the worker with a place, and is ours no more. */
export function buffers(place: VocabularyChoice | null): ArrayBuffer[] {
  if (typeof place !== 'object' || place === null) return [];
  if (place.kind === 'parts') return place.parts.flatMap(buffers);
  return place.kind === 'bytes' ? [place.bytes.buffer] : [];
}
