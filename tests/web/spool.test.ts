// Blobs that become files in Node: nothing of them stays, however the process that reads one ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { oracle } from './command.js';

const door = new URL('../../dist/node.js', import.meta.url).href;
const running: ChildProcess[] = [];
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rwkv-wasm-spool-test-'));
});
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A process that loads a Blob whose bytes never come; `then` happens when they are asked for. */
function loadSlowly(then: string): ChildProcess {
  return run(`
    const wait = () => new Promise(() => setInterval(() => {}, 1e6));
    const slice = () => { ${then}; return { arrayBuffer: wait }; };
    await RWKV.load({ [Symbol.toStringTag]: 'Blob', size: 8, slice });`);
}

function run(script: string): ChildProcess {
  const text = `import { RWKV } from '${door}'; ${script}`;
  const env = { ...process.env, TMPDIR: folder };
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { env, stdio: 'ignore' });
  running.push(child);
  return child;
}

test('a process that ends takes them along, and the next removes those of one that was killed', async () => {
  await once(loadSlowly('process.exit(0)'), 'exit');
  expect(readdirSync(folder)).toEqual([]);

  await once(loadSlowly("process.kill(process.pid, 'SIGKILL')"), 'exit');
  const [dead] = readdirSync(folder);
  expect(dead).toMatch(/^rwkv-wasm-blob-/);

  loadSlowly(''); // the next, which goes on
  await vi.waitFor(() => expect(readdirSync(folder)).toHaveLength(1), { timeout: 20_000 });
  await vi.waitFor(() => expect(readdirSync(folder)).not.toEqual([dead]), { timeout: 20_000 });
  const alive = readdirSync(folder);

  await once(run("await RWKV.load(new Blob(['no model'])).catch(() => {})"), 'exit');
  expect(readdirSync(folder)).toEqual(alive); // what is being read stays
});

test('a model that is taught reads its own again, and takes it along where it ends', async () => {
  const learn = new URL('../../dist/learning-node.js', import.meta.url).href;
  const child = run(`
    import { openAsBlob, readdirSync } from 'node:fs';
    import { learning } from '${learn}';
    const blobs = [await openAsBlob('${oracle}'), new Blob([new Uint8Array(8)])];
    await RWKV.load(blobs[1], { learning }).catch(() => {});
    const model = await RWKV.load(blobs[0], { learning, tokenizer: 'bytes', quantization: 'f32' });
    const { bytes } = await model.tune('Geese', { method: 'full', steps: 1 }).result;
    if (bytes.length < 1e4 || readdirSync('${folder}').length !== 1) process.exit(1);
    await model.dispose();
    while (readdirSync('${folder}').length > 0) await new Promise(setImmediate);`);
  expect(await once(child, 'exit')).toEqual([0, null]);
});
