/**
 * RWKV language models in Node: the same API as in the browser, in a worker thread.
 *
 * @packageDocumentation
 */
import { nodeHost } from './node-host.js';
import { createRWKV } from './page/load.js';
import { createStore } from './page/store.js';

export * from './api.js';

/**
 * The door: `RWKV.load()`.
 *
 * @namespace
 */
export const RWKV = createRWKV(nodeHost);

/** The files that loads have kept. */
export const store = createStore(nodeHost);
