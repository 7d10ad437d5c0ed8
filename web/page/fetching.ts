// The files of a call: where they are, and those of the network brought into the store by its workers.
import { RwkvError } from '../shared/errors.js';
import type { Asked, Place } from '../shared/protocol.js';
import { fetchAhead } from '../store/ahead.js';
import { type Hub, hubOf } from '../store/hub.js';
import { isRemote, type Kept, keep, type Wish } from '../store/keeping.js';
import { mending } from '../store/mending.js';
import type { Assets } from './assets.js';
import { type CallOptions, Client } from './client.js';
import type { Host } from './host.js';
import type { InspectOptions } from './options.js';
import { partsOf } from './parts.js';
import { buffers, type ModelSource, placeOf, release, type Use } from './places.js';
import { type Spawned, storeWorker } from './store-worker.js';

/** What is wished for all files of a call. */
type Wishes = Omit<Wish, 'sha256' | 'keepPacked' | 'quantization'> &
  Pick<CallOptions, 'onProgress'> &
  Required<Pick<InspectOptions, 'hub'>>;

/** What is wished for one of them. */
type Own = Partial<Pick<Wish, 'cache' | 'sha256' | 'keepPacked' | 'quantization' | 'signal'>>;

export class Fetching {
  readonly hub: Hub;
  readonly #host: Host;
  readonly #wishes: Wishes;
  readonly #spawned: Spawned;
  readonly #workerUrl: URL | undefined;
  readonly #ends = new Map<Place, AbortSignal>();

  /** @throws RwkvError `invalid-argument` */
  constructor(host: Host, wishes: Wishes, build: Spawned['build'], { workerUrl, wasmUrl }: Assets) {
    this.hub = hubOf(wishes.hub ?? {}, host.hub?.());
    this.#host = host;
    this.#wishes = wishes;
    this.#workerUrl = workerUrl;
    this.#spawned = { spawn: () => this.spawn(), build, wasmUrl };
  }

  spawn(): Client {
    return new Client((events) => this.#host.spawn(events, this.#workerUrl));
  }

  /** Does work that notes what it reads of the store, and once more where that was at fault. */
  mending<T>(work: (note: (kept: Kept) => void) => Promise<T>): Promise<T> {
    return mending(this.#host.store, this.#wishes.allowNetwork, work);
  }

  /** Where the bytes of a source are. @throws RwkvError as `placeOf` */
  placeOf(asked: Asked, source: ModelSource): Promise<Place> {
    return placeOf(this.#host, this.hub, asked, source);
  }

  /** What `use` makes of the place that `source` is, which then is let go of, unless it lasts longer. */
  async with<T>(asked: Asked, source: ModelSource, use: Use<T>): Promise<T> {
    const place = await this.placeOf(asked, source);
    try {
      return await use(place);
    } finally {
      const end = this.#ends.get(place);
      if (end?.aborted === false)
        end.addEventListener('abort', () => release(this.#host, place).catch(() => {}));
      else await release(this.#host, place); // else what is left goes with the process
    }
  }

  /** Has the bytes of a place of the network arrive at the worker of `client`: they are fetched while that starts. */
  arriving(client: Client, place: Place): Place {
    const { signal, onProgress } = this.#wishes;
    if (!isRemote(place)) return place;
    const send = (pieces: Uint8Array<ArrayBuffer>[] | null) =>
      client.call('arrive', { pieces }, { transfer: pieces?.map(({ buffer }) => buffer) ?? [] });
    fetchAhead(place.url, signal, onProgress)
      .then(send)
      .catch(() => send(null)) // what cannot be sent
      .catch(() => {}); // the worker is gone
    return { ...place, arrives: true };
  }

  /** Has a place last until `end`, for whom it is read again. */
  keepUntil(end: AbortSignal, place: Place): void {
    this.#ends.set(place, end);
  }

  /** The place where a file is, brought into the store by the worker of `client` if it is of the network. */
  keep(client: Client, place: Place, note: (kept: Kept) => void, own: Own = {}): Promise<Place> {
    const { onProgress, hub: _, ...wishes } = this.#wishes;
    const wish = { ...wishes, sha256: null, ...own };
    const worker = storeWorker(client, this.#spawned, { signal: wish.signal, onProgress });
    return keep(place, wish, this.#host.store, worker, note);
  }

  /** The same of a model, which may lie in several files. @throws RwkvError as `partsOf` */
  async keepModel(client: Client, place: Place, note: (kept: Kept) => void, own: Own): Promise<Place> {
    const { signal, onProgress } = this.#wishes;
    const model = await partsOf(place, async (place) => {
      const index = await this.keep(client, place, note);
      return client.call('readIndex', { index }, { signal, transfer: buffers(index), onProgress });
    });
    if (!model) return this.keep(client, place, note, own);
    const { name } = model;
    if (own.sha256) throw new RwkvError('invalid-argument', `option sha256: ${name} has more than one file`);
    const parts: Place[] = [];
    for (const part of model.parts) parts.push(await this.keep(client, part, note));
    return { kind: 'parts', name, parts };
  }
}
