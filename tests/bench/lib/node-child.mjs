// One measurement in a process of its own: the request comes as JSON, the answer goes to stdout as JSON.
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { RWKV } from '../../../dist/node.js';
import { measureWork } from './limits.mjs';
import { measure } from './measure.mjs';
import { walkPositions } from './positions.mjs';

function startWorker() {
  const worker = new Worker(new URL('./limits-worker.mjs', import.meta.url), { execArgv: [] });
  worker.unref();
  return (message) =>
    new Promise((resolve, reject) => {
      worker.ref();
      worker.once('error', reject);
      worker.once('message', (answer) => {
        worker.off('error', reject);
        worker.unref();
        resolve(answer);
      });
      worker.postMessage(message);
    });
}

const tasks = {
  version: () => ({ version: process.version }),
  async limits({ file, threads, plan }) {
    const workers = Array.from({ length: threads }, startWorker);
    return measureWork(workers, await WebAssembly.compile(readFileSync(file)), plan);
  },
  measure: ({ source, options, plan }) => measure(RWKV, source, options, plan),
  positions: ({ source, options, plan }) =>
    walkPositions(RWKV, source, options, plan, () => process.memoryUsage().rss),
};

const request = JSON.parse(process.argv[2]);
process.stdout.write(JSON.stringify(await tasks[request.task](request)));
