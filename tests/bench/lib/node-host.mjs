// Node as a place to measure in: every visit is a process of its own.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { modernNode } from '../../programs.mjs';

const child = fileURLToPath(new URL('./node-child.mjs', import.meta.url));

/** Runs node-child.mjs; what it answers. */
function ask(node, request) {
  return new Promise((resolve, reject) => {
    const stdio = ['ignore', 'pipe', 'inherit'];
    const started = spawn(node, [child, JSON.stringify(request)], { stdio });
    let text = '';
    started.stdout.on('data', (piece) => {
      text += piece;
    });
    started.on('error', reject);
    started.on('close', (code) => {
      if (code === 0) return resolve(JSON.parse(text));
      reject(new Error(`${request.task} in Node ended with code ${code}`));
    });
  });
}

/** `node`: the executable; relaxed SIMD needs Node 22. */
export async function openNode(node = modernNode()) {
  const call = (request) => ask(node, request);
  const { version } = await call({ task: 'version' });
  return {
    name: 'Node',
    path: node,
    version,
    limits: (file, threads, plan) => call({ task: 'limits', file, threads, plan }),
    measure: (source, options, plan) => call({ task: 'measure', source, options, plan }),
    positions: (source, options, plan) => call({ task: 'positions', source, options, plan }),
    close: async () => {},
  };
}
