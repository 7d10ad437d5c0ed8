// What differs between a browser and Node in the caller's half: index.ts and node.ts bring it.
import type { Place } from '../shared/protocol.js';
import type { HubOptions } from '../store/hub.js';
import type { StoreHost } from '../store/keeping.js';
import type { AssetHost } from './assets.js';
import type { Catalogue } from './catalogue.js';
import type { WorkerEvents, WorkerLike } from './client.js';

/** Where a string or a URL leads. */
export type Located =
  | { readonly kind: 'url'; readonly name: string; readonly url: string }
  | { readonly kind: 'path'; readonly name: string; readonly path: string };

/** A browser or Node. */
export interface Host extends AssetHost {
  /** Starts a worker that serves the protocol, from a script elsewhere or the package's own. */
  spawn(events: WorkerEvents, workerUrl: URL | undefined): WorkerLike;
  /** Where a string or a URL leads. Throws what `new URL` throws. */
  locate(source: string | URL): Located;
  /** What is known by name. */
  readonly catalogue: Catalogue;
  /** Node: whether there is such a file, which goes before a model of that name. */
  hasFile?(path: string): boolean;
  /** What Node's environment says of the hub. */
  hub?(): HubOptions;
  /** Node: makes a file of a Blob. Throws RwkvError `read-failed`. */
  spool?(blob: Blob, name: string): Promise<Place>;
  /** Deletes what `spool` made, when it was read or never will be. */
  release?(place: Place): Promise<void>;
  /** Where files of the network are kept. */
  readonly store: StoreHost;
}
