import { parentPort } from 'node:worker_threads';
import { createHandlers } from './grammar/handlers.js';
import { serve } from './shared/serve.js';

if (!parentPort) throw new Error('grammar-worker-node.js runs as a worker only');
const port = parentPort;

serve(
  {
    postMessage: (message, transfer = []) => port.postMessage(message, transfer),
    listen: (handle) => port.on('message', handle),
  },
  createHandlers,
);
