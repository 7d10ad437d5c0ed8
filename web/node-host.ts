// What Node lends to the caller's half.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { resolveNode, spawnNode } from './node-worker.js';
import { catalogue } from './page/catalogue.js';
import type { Host } from './page/host.js';
import { fileName } from './page/places.js';
import { nodeStore } from './store/node/host.js';
import { release, spool } from './store/node/spool.js';

const help = 'options assetBase and workerUrl say where it is';

export const nodeHost: Host = {
  workerFile: 'worker-node.js',
  // Bundlers want to see the URL of a worker in its place.
  spawn: (events, workerUrl) =>
    spawnNode(
      events,
      (options) =>
        workerUrl
          ? new Worker(workerUrl, options)
          : new Worker(new URL('./worker-node.js', import.meta.url), options),
      help,
    ),
  resolve: resolveNode,
  locate(source) {
    const text = String(source);
    if (/^(https?|data|blob):/i.test(text)) {
      const { href } = new URL(text);
      return { kind: 'url', name: href.startsWith('data:') ? 'data' : fileName(href), url: href };
    }
    const path = /^file:/i.test(text) ? fileURLToPath(text) : resolve(text);
    return { kind: 'path', name: fileName(path), path };
  },
  spool,
  release,
  catalogue,
  hasFile: existsSync,
  hub() {
    const { HF_ENDPOINT: endpoint, HF_TOKEN, HUGGING_FACE_HUB_TOKEN } = process.env;
    return { endpoint, token: HF_TOKEN || HUGGING_FACE_HUB_TOKEN };
  },
  store: nodeStore,
};
