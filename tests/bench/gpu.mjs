// Tokens a second of a model on a graphics processor: `node tests/bench/gpu.mjs MODEL [q4] [f16]...`. Only the package's dist/ and the npm
// package `webgpu` are needed (DAWN: its index.js; by default where tests/web/gpu/install-dawn.mjs puts it), so it runs on a bare machine.
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [file, ...formats] = process.argv.slice(2);
const dist = new URL('../../dist/', import.meta.url);
const part = (path) => import(new URL(path, dist).href);
const { DAWN = fileURLToPath(new URL('../../build/webgpu/node_modules/webgpu/index.js', import.meta.url)) } =
  process.env;

const { create, globals } = await import(pathToFileURL(DAWN).href);
Object.assign(globalThis, globals);
const gpu = create([]); // which must live as long as its devices
const [{ openDevice }, { DevicePasses }, { allLayers, unwrap }] = await Promise.all(
  ['worker/gpu/device.js', 'worker/gpu/passes.js', 'worker/module.js'].map(part),
);
const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
console.log(`${adapter?.info.description}, binds ${adapter?.limits.maxStorageBufferBindingSize} bytes`);

async function startModule() {
  const { default: start } = await part('wasm/rwkv-gpu.mjs');
  const module = await WebAssembly.compile(readFileSync(new URL('wasm/rwkv-gpu.wasm', dist)));
  return start({
    instantiateWasm(imports, receive) {
      receive(new WebAssembly.Instance(module, imports), module);
      return {};
    },
  });
}

const bytes = readFileSync(file);
const source = {
  name: file,
  size: bytes.length,
  read(offset, into) {
    into.set(bytes.subarray(offset, offset + into.length));
    return '';
  },
};

/** Milliseconds of each of some runs, behind one that warms up: the median. */
async function median(runs, work) {
  const times = [];
  for (let i = 0; i <= runs; i++) {
    const begun = performance.now();
    await work();
    if (i > 0) times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b)[runs >> 1];
}

for (const format of formats.length > 0 ? formats : ['q4']) {
  const module = await startModule();
  const device = await openDevice(gpu);
  const loading = unwrap(module.startLoading(source, null, null, format, null, [], () => {}, allLayers));
  const begun = performance.now();
  const passes = await DevicePasses.load(device, module, loading);
  const { version, layers, bytes: size } = passes.model.info();
  const session = unwrap(passes.model.createSession(0, 0, false, null));
  const read = async (count) => {
    unwrap(session.prompt(Int32Array.from({ length: count }, (_, i) => 1 + (i % 200))));
    while (await passes.advance([session], Int32Array.of(count)));
  };
  console.log(
    `version ${version}, ${layers} layers, ${format}: loaded in ${((performance.now() - begun) / 1000).toFixed(1)} s`,
  );
  const dispatches = await passes.dispatches(1);
  const one = await median(30, () => read(1));
  const perSecond = 1000 / one;
  console.log(
    `decode ${perSecond.toFixed(0)} tok/s, ${dispatches} dispatches, ${((size * perSecond) / 1e9).toFixed(1)} GB/s of weights`,
  );
  for (const count of [32, 512])
    console.log(
      `prefill ${count}: ${((1000 * count) / (await median(3, () => read(count)))).toFixed(0)} tok/s`,
    );
  passes.destroy();
  device.destroy();
}
process.exit(0); // Dawn keeps the process
