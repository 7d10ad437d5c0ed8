// Node as a place to measure in: every visit is a process of its own.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const child = fileURLToPath(new URL('./node-child.mjs', import.meta.url));

/** Runs node-child.mjs with `flags` of Node; what it answers. */
function ask(node, flags, request) {
  return new Promise((resolve, reject) => {
    const stdio = ['ignore', 'pipe', 'inherit'];
    const started = spawn(node, [...flags, child, JSON.stringify(request)], { stdio });
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

/** `node`: the executable. Relaxed SIMD is switched on where this version of Node has it behind a flag. */
export async function openNode(node = process.execPath) {
  const plain = await ask(node, [], { task: 'version' });
  const flags = plain.relaxed ? [] : ['--experimental-wasm-relaxed-simd'];
  const call = (request) => ask(node, flags, request);
  return {
    name: 'Node',
    version: plain.version,
    limits: (file, threads, plan) => call({ task: 'limits', file, threads, plan }),
    measure: (source, options, plan) => call({ task: 'measure', source, options, plan }),
    positions: (source, options, plan) => call({ task: 'positions', source, options, plan }),
    close: async () => {},
  };
}
