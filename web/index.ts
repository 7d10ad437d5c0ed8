/**
 * RWKV language models in the browser: on the CPU, in a worker, text as a stream.
 *
 * @packageDocumentation
 */
import { createRWKV, fileName, type Host } from './load.js';
import { webStore } from './store/web-host.js';
import { createStore } from './store.js';

export * from './api.js';

const host: Host = {
  spawn(events) {
    const worker = new Worker(new URL('./worker-web.js', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }) => events.message(data);
    worker.onmessageerror = () => events.crash('a message could not be read');
    worker.onerror = (event) => {
      event.preventDefault();
      events.crash(event.message || 'its script could not be loaded');
    };
    return worker;
  },
  locate(source) {
    const base = typeof document === 'undefined' ? location.href : document.baseURI;
    const url = new URL(source, base).href;
    return { kind: 'url', name: url.startsWith('data:') ? 'data' : fileName(url), url };
  },
  store: webStore,
};

/** The door: `RWKV.load()`. */
export const RWKV = createRWKV(host);

/** The files that loads have kept. */
export const store = createStore(host);
