import { parentPort, workerData } from 'node:worker_threads';
import { prepareThread } from './worker/thread.js';

if (!parentPort) throw new Error('thread-node.js runs as a worker only');
const serve = prepareThread(workerData);
parentPort.postMessage(null);
serve();
