/**
 * RWKV language models in Node: the same API as in the browser, in a worker thread.
 *
 * @packageDocumentation
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { createRWKV, fileName } from './load.js';

export * from './api.js';

/** The door: `RWKV.load()`. */
export const RWKV = createRWKV({
  spawn(events) {
    // The worker is plain JavaScript: flags of the caller, such as --input-type, are not for it.
    const worker = new Worker(new URL('./worker-node.js', import.meta.url), { execArgv: [] });
    worker.unref(); // a script that forgets to dispose still ends
    worker.on('message', events.message);
    worker.on('messageerror', (error) => events.crash(error.message));
    worker.on('error', (error) => events.crash(error.message));
    worker.on('exit', (code) => events.crash(`it ended with code ${code}`));
    return {
      postMessage: (message, transfer) => worker.postMessage(message, transfer),
      terminate: () => worker.terminate(),
      hold: (busy) => (busy ? worker.ref() : worker.unref()),
    };
  },
  locate(source) {
    const text = String(source);
    if (/^(https?|data|blob):/i.test(text)) {
      const { href } = new URL(text);
      return { kind: 'url', name: href.startsWith('data:') ? 'data' : fileName(href), url: href };
    }
    const path = /^file:/i.test(text) ? fileURLToPath(text) : resolve(text);
    return { kind: 'path', name: fileName(path), path };
  },
});
