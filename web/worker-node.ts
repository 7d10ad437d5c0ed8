import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { parentPort, Worker } from 'node:worker_threads';
import { nodeIo } from './store/node/files.js';
import type { ThreadHost } from './worker/thread.js';
import { serve } from './worker/worker.js';

if (!parentPort) throw new Error('worker-node.js runs as a worker only');
const port = parentPort;

const threads: ThreadHost = {
  cores: availableParallelism(),
  start: (thread) =>
    new Promise((resolve, reject) => {
      const url = new URL('./thread-node.js', import.meta.url);
      const worker = new Worker(url, { workerData: thread, execArgv: [] });
      worker.unref();
      worker.on('message', () => resolve());
      worker.on('error', reject);
    }),
};

serve(
  {
    postMessage: (message, transfer = []) => port.postMessage(message, transfer),
    listen: (handle) => port.on('message', handle),
    breathe: setImmediate, // a MessageChannel of Node delivers up to 1000 messages before the event loop goes on
  },
  { ...nodeIo, threads },
);
