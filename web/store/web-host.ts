// What a page lends to the store.
import { openCache } from './cache-shelf.js';
import { storeError } from './host-errors.js';
import type { StoreHost } from './keeping.js';
import { openOpfs } from './opfs.js';
import type { Shelf } from './shelf.js';

let asked = false;

/** Browsers: OPFS first, then the Cache API. */
export const webStore: StoreHost = {
  async shelves() {
    const shelves = await Promise.all([openOpfs(), openCache()]);
    return shelves.filter((shelf): shelf is Shelf => shelf !== undefined);
  },
  async lock(name, wait, signal, work) {
    const { locks }: { readonly locks?: LockManager } = navigator;
    if (!locks) return work();
    let result: Awaited<ReturnType<typeof work>> | undefined;
    const options = wait ? { ...(signal && { signal }) } : { ifAvailable: true };
    let hasBegun = false;
    try {
      await locks.request(`rwkv-wasm ${name}`, options, async (lock) => {
        hasBegun = true;
        if (lock) result = await work();
      });
    } catch (cause) {
      throw hasBegun || signal?.aborted ? cause : storeError('the locks of this site', cause);
    }
    return result;
  },
  persist() {
    if (asked) return;
    asked = true;
    navigator.storage?.persist?.().catch(() => {});
  },
  async usage() {
    const { storage }: { readonly storage?: StorageManager } = navigator;
    const told = Promise.all([storage?.estimate?.(), storage?.persisted?.()]);
    const [estimate, persisted] = await told.catch((cause) => {
      throw storeError('the storage of this site', cause);
    });
    return {
      ...(estimate?.quota !== undefined && { quota: estimate.quota }),
      ...(persisted !== undefined && { persisted }),
    };
  },
};
