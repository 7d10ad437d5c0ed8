import { setImmediate } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { nodeIo } from './node-files.js';
import { serve } from './worker.js';

if (!parentPort) throw new Error('worker-node.js runs as a worker only');
const port = parentPort;

serve(
  {
    postMessage: (message, transfer = []) => port.postMessage(message, transfer),
    listen: (handle) => port.on('message', handle),
    breathe: setImmediate, // a MessageChannel of Node delivers up to 1000 messages before the event loop goes on
  },
  nodeIo,
);
