// The built package with the fake core: real workers, real protocol, no wasm of ours.
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

type Package = typeof import('../../../dist/node.js') & typeof import('../../../dist/learning-node.js');

const root = fileURLToPath(new URL('../../../', import.meta.url));
const emptyModule = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);

export interface FakePackage extends Package {
  /** The folder of the package. */
  readonly folder: string;
  remove(): void;
}

export async function fakePackage(): Promise<FakePackage> {
  mkdirSync(join(root, 'build'), { recursive: true });
  const folder = mkdtempSync(join(root, 'build', 'fake-package-'));
  const dist = join(folder, 'dist');
  const filter = (from: string) => !/dist.(wasm|storyteller)$/.test(from);
  cpSync(join(root, 'dist'), dist, { recursive: true, filter });
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  mkdirSync(join(dist, 'wasm'));
  for (const module of ['rwkv-baseline', 'rwkv-relaxed', 'rwkv-learning-baseline', 'rwkv-learning-relaxed']) {
    copyFileSync(new URL('./glue.mjs', import.meta.url), join(dist, 'wasm', `${module}.mjs`));
    writeFileSync(join(dist, 'wasm', `${module}.wasm`), emptyModule);
  }
  mkdirSync(join(dist, 'storyteller'));
  writeFileSync(join(dist, 'storyteller', 'rwkv7-tales-8.0M-q4.safetensors'), 'fake');
  writeFileSync(join(dist, 'storyteller', 'rwkv7-tales-8.0M-vocab.txt'), 'vocabulary');
  const built: Package = {
    ...(await import(join(dist, 'node.js'))),
    ...(await import(join(dist, 'learning-node.js'))),
  };
  return { ...built, folder, remove: () => rmSync(folder, { recursive: true }) };
}

/** The bytes of a fake model whose passes take `delay` ms. */
export function fakeModel(delay = 0): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`fake delay=${delay}`);
}
