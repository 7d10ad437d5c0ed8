// The kernels of graphics processors, web/worker/gpu/kernels/*.wgsl, as a module that ships: their texts by name, as they are.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export const shaderFolder = 'web/worker/gpu/kernels';

export function shaderModule(home) {
  const folder = join(home, shaderFolder);
  const files = readdirSync(folder).filter((file) => file.endsWith('.wgsl'));
  const texts = files
    .sort()
    .map((file) => [basename(file, '.wgsl'), readFileSync(join(folder, file), 'utf8')]);
  return `export const kernels = ${JSON.stringify(Object.fromEntries(texts), null, 2)};\n`;
}
