// The icons that a site wants as pixels, drawn from public/icon.svg.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { initWasm, Resvg } from '@resvg/resvg-wasm';

/** Sizes in pixels. `maskable`: on a full square, the drawing inside the circle that a system may cut out. */
const icons = [
  { name: 'icon-192.png', size: 192 },
  { name: 'icon-512.png', size: 512 },
  { name: 'icon-maskable.png', size: 512, isFull: true },
  { name: 'apple-touch-icon.png', size: 180, isFull: true },
];

let ready: Promise<void> | undefined;

/** Name and bytes of each. */
export async function drawIcons(): Promise<{ name: string; source: Uint8Array }[]> {
  ready ??= readFile(fileURLToPath(import.meta.resolve('@resvg/resvg-wasm/index_bg.wasm'))).then(initWasm);
  await ready;
  const svg = await readFile(new URL('../public/icon.svg', import.meta.url), 'utf8');
  const full = svg.replace(/ rx="\d+"/, '');
  if (full === svg) throw new Error('icon.svg: expected a first shape with rounded corners (rx="...")');
  return icons.map(({ name, size, isFull }) => {
    const image = new Resvg(isFull ? full : svg, { fitTo: { mode: 'width', value: size } });
    return { name, source: image.render().asPng() };
  });
}
