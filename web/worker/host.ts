// Where the worker's bytes come from: files, the network, and what is stored (store/).

import { RwkvError } from '../shared/errors.js';
import type { Place } from '../shared/protocol.js';
import type { Build } from '../shared/types.js';
import { fill } from '../store/download.js';
import { createMeter } from '../store/meter.js';
import type { ByteSource } from '../store/shelf.js';
import { noteUse, type Report, type ShelfHost, shelfOf, startSum, sumOf } from '../store/shelf-host.js';
import { blobSource, memorySink, memorySource } from '../store/sources.js';
import type { DeviceHost, loadOnDevice } from './gpu/device-model.js';
import type { GpuModule } from './gpu/module.js';
import type { BuildFiles, ThreadedModule, WasmModule } from './module.js';
import { joinParts } from './parts/join.js';
import type { Teaching } from './teaching.js';
import type { ThreadHost } from './thread.js';

/** Ways to files and storage. */
export interface FileHost extends ShelfHost {
  /** Opens a file of the file system; browsers have none. Throws RwkvError `read-failed`. */
  openPath?(path: string, name: string): ByteSource;
  /** The pieces of the file that arrives; `null`: they do not come. */
  readonly arrival?: Promise<readonly Uint8Array[] | null>;
}

/** The modules of the core, by build, and what a graphics processor takes. */
export interface Modules {
  readonly builds: Readonly<Record<Build, BuildFiles<WasmModule>>>;
  readonly threadedBuilds: Readonly<Record<Build, BuildFiles<ThreadedModule>>>;
  /** Workers that teach have none. */
  readonly device?: BuildFiles<GpuModule> & {
    readonly code: () => Promise<{ readonly loadOnDevice: typeof loadOnDevice }>;
  };
}

/** What a host (a browser, Node) lends to the worker. */
export interface WorkerHost extends FileHost {
  readonly modules: Modules;
  /** Where modules learn. */
  readonly teaching?: Teaching;
  /** Gets a file of the package. */
  fetchWasm(url: URL): Promise<Response>;
  readonly gpu?: DeviceHost['gpu'];
  readonly atEnd?: DeviceHost['atEnd'];
  /** Starts threads, where a host has them. */
  readonly threads?: ThreadHost;
}

/**
 * Opens what `place` names; `report` hears how a download is getting on.
 *
 * @throws RwkvError `read-failed` naming the place and the cause, `bad-file` for what is no such file, `hash-mismatch`
 */
export async function openSource(
  place: Place,
  host: FileHost,
  report: Report = () => {},
): Promise<ByteSource> {
  if (place.kind === 'url') {
    const pieces = place.arrives && (await host.arrival);
    return pieces ? memorySource(place.name, pieces) : download(place, host, report);
  }
  const source = await openThere(place, host, report);
  if (place.sha256 === undefined) return source;
  try {
    const sum = await sumOf(source, host);
    if (sum === place.sha256) return source;
    throw new RwkvError(
      'hash-mismatch',
      `${place.name}: expected the SHA-256 ${place.sha256}; it has ${sum}`,
    );
  } catch (error) {
    source.close();
    throw error;
  }
}

async function openThere(
  place: Exclude<Place, { kind: 'url' }>,
  host: FileHost,
  report: Report,
): Promise<ByteSource> {
  switch (place.kind) {
    case 'bytes':
      return memorySource(place.name, [place.bytes]);
    case 'blob':
      return blobSource(place.name, place.blob, host.discard);
    case 'path':
      if (host.openPath) return host.openPath(place.path, place.name);
      throw new RwkvError('unsupported', `${place.path}: paths can be read in Node only`);
    case 'parts': {
      const parts: ByteSource[] = [];
      try {
        for (const part of place.parts) parts.push(await openSource(part, host, report));
        return joinParts(place.name, parts);
      } catch (error) {
        for (const part of parts) part.close();
        throw error;
      }
    }
    case 'stored': {
      const shelf = await shelfOf(place, host);
      const source = await shelf.open(place.key, place.name);
      await noteUse(shelf, place.key, {});
      return source;
    }
  }
}

// Into memory, where nothing is kept.
async function download(
  place: Extract<Place, { kind: 'url' }>,
  host: FileHost,
  report: Report,
): Promise<ByteSource> {
  const sink = memorySink();
  await fill(sink, {
    ...{
      url: place.url,
      asked: place.asked,
      from: place.from,
      ...(place.bytes !== undefined && { bytes: place.bytes }),
    },
    sha256: place.sha256 ?? null,
    known: {},
    cache: 'default',
    remember: async () => {},
    room: async () => undefined,
    report: createMeter(report),
    startSum: () => startSum(host),
  });
  return memorySource(place.name, sink.chunks);
}
