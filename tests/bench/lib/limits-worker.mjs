// A worker that works at the machine's limit: a worker thread of Node or of a page.
import { createWork } from './limits.mjs';

const isNode = typeof process === 'object';
const port = isNode ? (await import('node:worker_threads')).parentPort : globalThis;
let work;

async function answer({ module, megabytes, name, milliseconds }) {
  if (!module) return port.postMessage(work.run(name, milliseconds));
  work = await createWork(module, megabytes);
  port.postMessage(work.names);
}
port.addEventListener('message', ({ data }) => answer(data));
if (isNode) port.start();
