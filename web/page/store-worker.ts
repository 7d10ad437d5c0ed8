// What the store asks of workers.

import type { Op, Reply, Request, StoredPlace, WasmUrl } from '../shared/protocol.js';
import type { StoreWorker } from '../store/keeping.js';
import type { CallOptions, Client } from './client.js';

/** How a worker is started that packs. */
export interface Spawned {
  spawn(): Client;
  readonly build: Request<'pack'>['build'];
  readonly wasmUrl: WasmUrl;
}

/** `client` serves the downloads; packing has a worker of its own, whose memory is given back. */
export function storeWorker(
  client: Client,
  { spawn, build, wasmUrl }: Spawned,
  options: Pick<CallOptions, 'signal' | 'onProgress'>,
): StoreWorker {
  return {
    report: (progress) => options.onProgress?.(progress),
    download: (request) => callOrEnd(client, 'download', request, options),
    verify: (request) => callOrEnd(client, 'verify', request, options),
    async pack(request): Promise<StoredPlace> {
      const packer = spawn();
      try {
        return await packer.call('pack', { ...request, build, wasmUrl }, options);
      } finally {
        await packer.close();
      }
    },
  };
}

// A worker whose call was aborted goes on with it: it must have ended before the lock is given back.
async function callOrEnd<K extends Op>(
  client: Client,
  op: K,
  request: Request<K>,
  options: CallOptions,
): Promise<Reply<K>> {
  try {
    return await client.call(op, request, options);
  } catch (error) {
    await client.close();
    throw error;
  }
}
