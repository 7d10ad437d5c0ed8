// What Node lends to the caller's half.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { spawnNode } from './node-worker.js';
import { catalogue } from './page/catalogue.js';
import type { Host } from './page/host.js';
import { fileName } from './page/places.js';
import { RwkvError, sentence } from './shared/errors.js';
import type { Place } from './shared/protocol.js';
import { nodeStore } from './store/node/host.js';

const help = 'options assetBase and workerUrl say where it is';
const spooled = new Set<string>(); // paths of Blobs that became files

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
  resolve(source) {
    const text = String(source);
    if (/^file:/i.test(text)) return new URL(text);
    if (/^[a-z][a-z0-9+.-]+:/i.test(text)) throw new Error('expected a path or a file: URL');
    return pathToFileURL(text);
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
  // A Blob of Node cannot be read at once, nor sent to the worker where it is a file's: so it becomes a file, and its
  // bytes never lie in memory together.
  async spool(blob, name) {
    const path = join(await mkdtemp(join(tmpdir(), 'rwkv-wasm-')), 'blob');
    spooled.add(path);
    const place = { kind: 'path', name, path } as const;
    try {
      await writeFile(path, piecesOf(blob));
      return place;
    } catch (cause) {
      await release(place);
      throw new RwkvError('read-failed', `${name}: ${sentence(cause)}`, { cause });
    }
  },
  release,
  catalogue,
  hasFile: existsSync,
  hub() {
    const { HF_ENDPOINT: endpoint, HF_TOKEN, HUGGING_FACE_HUB_TOKEN } = process.env;
    return { endpoint, token: HF_TOKEN || HUGGING_FACE_HUB_TOKEN };
  },
  store: nodeStore,
};

// Not its stream: Blobs of jsdom have none.
async function* piecesOf(blob: Blob): AsyncGenerator<Uint8Array, void, undefined> {
  const pieceBytes = 2 ** 24;
  for (let at = 0; at < blob.size; at += pieceBytes)
    yield new Uint8Array(await blob.slice(at, at + pieceBytes).arrayBuffer());
}

async function release(place: Place): Promise<void> {
  if (place.kind === 'path' && spooled.delete(place.path))
    await rm(dirname(place.path), { recursive: true, force: true });
}
