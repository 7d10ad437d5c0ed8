// The package with both its halves in this thread and a core for many models: a load takes milliseconds, not the start of a
// worker. The door, the messages and the core are the same.
import { readFile } from 'node:fs/promises';
import { setImmediate as breathe } from 'node:timers/promises';
import * as modules from '../../../dist/builds.js';
import { nodeHost } from '../../../dist/node-host.js';
import { createRWKV } from '../../../dist/page/load.js';
import { serve } from '../../../dist/shared/serve.js';
import { createHandlers } from '../../../dist/worker/handlers.js';

// A worker that ends gives all back; here models stay in the core, which is renewed for that.
const loadsOfCore = 250;
const { glue, wasm } = modules.builds.baseline;
const { default: create } = await glue();
const wasmBinary = await readFile(wasm());
let loads = 0;
let core;
async function lend() {
  if (loads++ % loadsOfCore === 0) core = create({ wasmBinary });
  return core;
}
modules.builds.baseline.glue = async () => ({ default: lend });
// What a worker's half fetches, compiles and hands to the glue, which needs nothing any more.
const emptyModule = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const workerHost = { modules, fetchWasm: async () => new Response(emptyModule) };

function spawn({ message }) {
  let receive;
  const post = (hear, value, transfer) => {
    const copy = structuredClone(value, { transfer });
    setImmediate(() => hear(copy));
  };
  const port = {
    postMessage: (value, transfer) => post(message, value, transfer),
    listen: (hear) => {
      receive = hear;
    },
  };
  serve(port, (crash) => createHandlers(workerHost, breathe, crash));
  return { postMessage: (value, transfer) => post(receive, value, transfer), terminate() {} };
}

/** `RWKV` in the baseline build. */
export const RWKV = createRWKV({ ...nodeHost, spawn });
export const oneCore = { build: 'baseline', threads: 1 };
