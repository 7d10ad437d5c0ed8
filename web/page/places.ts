// From what the caller names to the place where its bytes are.

import { RwkvError, sentence, unexpected } from '../shared/errors.js';
import type { Asked, Place, VocabularyChoice } from '../shared/protocol.js';
import { isArrayBuffer, isBlob, isUrl } from '../shared/realms.js';
import { addressOf, expandShorthand, type Hub } from '../store/hub.js';
import type { Host } from './host.js';

/**
 * Where a file comes from: a URL (in Node also a path), `hf:owner/repository/file@revision` of Hugging Face (default:
 * revision `main`), a file that the user chose or that lies in OPFS, or bytes.
 */
export type ModelSource = string | URL | Blob | FileHandle | ArrayBuffer | ArrayBufferView;

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
  any: 'url',
};

/** What is done with a place, and the buffers that may go there. */
export type Use<T> = (place: Place, transfer: ArrayBuffer[]) => Promise<T>;

/** What `use` makes of the place that `source` is. */
export async function withPlace<T>(
  host: Host,
  hub: Hub,
  asked: Asked,
  source: ModelSource,
  use: Use<T>,
): Promise<T> {
  const at = await placeOf(host, hub, asked, source);
  try {
    return await use(at, buffers(at));
  } finally {
    await host.release?.(at);
  }
}

/**
 * Where the bytes of a source are. What a handle stands for is read as the Blob that it gives.
 *
 * @throws RwkvError `invalid-argument`, `read-failed`
 */
export async function placeOf(host: Host, hub: Hub, asked: Asked, source: ModelSource): Promise<Place> {
  const name = given[asked];
  if (isFileHandle(source)) return placeOf(host, hub, asked, await openHandle(name, source));
  if (typeof source === 'string' || isUrl(source)) {
    const expanded = expandShorthand(name, String(source));
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

function isFileHandle(source: ModelSource): source is FileHandle {
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
export function buffers(place: VocabularyChoice): ArrayBuffer[] {
  return typeof place === 'object' && place?.kind === 'bytes' ? [place.bytes.buffer] : [];
}
