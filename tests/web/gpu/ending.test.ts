// The package with Dawn beside it, as npm installs it: a process ends as it would without, whatever the device is doing.
import { execFile } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect } from 'vitest';
import { driver, libraries, onDevice } from './dawn.js';

const home = fileURLToPath(new URL('../../../', import.meta.url));
const installed = join(home, 'build/webgpu/node_modules/rwkv-wasm');

beforeAll(() => {
  const isNeeded = (path: string) =>
    !/\.safetensors$|rwkv-(learning|relaxed)[\w-]*\.wasm$|\.d\.ts$/.test(path);
  rmSync(installed, { recursive: true, force: true });
  cpSync(join(home, 'package.json'), join(installed, 'package.json'));
  cpSync(join(home, 'dist'), join(installed, 'dist'), { recursive: true, filter: isNeeded });
});

/** How a process ends that does so: what it printed, its code and its complaints. */
function ending(way: string): Promise<{ printed: string[]; code: unknown; complaints: string }> {
  const script = fileURLToPath(new URL('ending.mjs', import.meta.url));
  const env = { ...process.env, VK_ICD_FILENAMES: driver };
  return new Promise((resolve) => {
    execFile(process.execPath, [script, installed, libraries, way], { env }, (error, stdout, complaints) =>
      resolve({ printed: stdout.trim().split('\n'), code: error ? error.code : 0, complaints }),
    );
  });
}

onDevice.each([
  { way: 'read', printed: ['gpu', '256'], code: 0 },
  { way: 'dispose', printed: ['gpu', 'disposed'], code: 0 },
  { way: 'exit', printed: ['gpu'], code: 3 },
  { way: 'abort', printed: ['AbortError'], code: 0 },
])('a process with a device ends well: $way', async ({ way, ...expected }) => {
  expect(await ending(way)).toEqual({ ...expected, complaints: '' });
});
