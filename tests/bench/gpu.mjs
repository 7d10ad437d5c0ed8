// Tokens a second of models on a graphics processor, beside one thread of the processor: `node tests/bench/gpu.mjs [--processor] MODEL FORMAT...`. A
// MODEL is a file, or LAYERS-CHANNELS-VOCABULARY of random weights; a FORMAT q4, q8, f16 or f32. Only the package's dist/, lib/random-source.mjs and
// Dawn are needed (DAWN: the npm package `webgpu`, or its dawn.node), so it runs on a bare machine: gpu.sh.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomSource } from './lib/random-source.mjs';

const isAsked = process.argv.includes('--processor');
const [file, ...formats] = process.argv.slice(2).filter((argument) => argument !== '--processor');
const dist = new URL('../../dist/', import.meta.url);
const part = (path) => import(new URL(path, dist).href);
const { DAWN = fileURLToPath(new URL('../../build/webgpu/node_modules/webgpu/index.js', import.meta.url)) } =
  process.env;

const dawn = DAWN.endsWith('.node') ? createRequire(import.meta.url)(DAWN) : await import(DAWN);
Object.assign(globalThis, dawn.globals);
const gpu = dawn.create([]); // which must live as long as its devices
const [{ openDevice }, { DevicePasses }, { allLayers, unwrap }] = await Promise.all(
  ['worker/gpu/device.js', 'worker/gpu/passes.js', 'worker/module.js'].map(part),
);

async function startModule(name) {
  const { default: start } = await part(`wasm/${name}.mjs`);
  const module = await WebAssembly.compile(readFileSync(new URL(`wasm/${name}.wasm`, dist)));
  return start({
    instantiateWasm(imports, receive) {
      receive(new WebAssembly.Instance(module, imports), module);
      return {};
    },
  });
}

function sourceOf(path) {
  const sizes = /^(\d+)-(\d+)-(\d+)$/.exec(path);
  if (sizes) return randomSource(...sizes.slice(1).map(Number));
  const bytes = readFileSync(path);
  return {
    name: basename(path),
    size: bytes.length,
    read(offset, into) {
      into.set(bytes.subarray(offset, offset + into.length));
      return '';
    },
  };
}

const secondsSince = (begun) => (performance.now() - begun) / 1000;

/** Seconds of each of some runs, behind one that warms up: the median. */
async function median(runs, work) {
  const times = [];
  for (let i = 0; i <= runs; i++) {
    const begun = performance.now();
    await work();
    if (i > 0) times.push(secondsSince(begun));
  }
  return times.sort((a, b) => a - b)[runs >> 1];
}

/** Bytes a second that a program reads which does nothing else, four vectors a lane and step. */
async function readBandwidth(device) {
  const size = isSoftware ? 1 << 24 : Math.min(1 << 30, device.limits.maxStorageBufferBindingSize);
  const buffers = [size, 4096].map((bytes) =>
    device.createBuffer({ size: bytes, usage: GPUBufferUsage.STORAGE }),
  );
  const code = `
    @group(0) @binding(0) var<storage, read> a: array<vec4u>;
    @group(0) @binding(1) var<storage, read_write> out: array<u32>;
    @compute @workgroup_size(256)
    fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) count: vec3u) {
      let step = count.x * 256;
      var x = vec4u();
      for (var i = id.x; i < arrayLength(&a); i += 4 * step) { x ^= a[i] ^ a[i + step] ^ a[i + 2 * step] ^ a[i + 3 * step]; }
      if (x.x + x.y + x.z + x.w == 12345) { out[id.x % 1024] = 1; }
    }`;
  const pipeline = device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
  });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const times = 4; // a submission costs something too
  const seconds = await median(9, () => {
    const commands = device.createCommandEncoder();
    const pass = commands.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < times; i++) pass.dispatchWorkgroups(2048);
    pass.end();
    device.queue.submit([commands.finish()]);
    return device.queue.onSubmittedWorkDone();
  });
  for (const buffer of buffers) buffer.destroy();
  return (times * size) / seconds;
}

/** Decode and prefill of a model of which `advance` makes the passes, in tokens a second. */
async function measure(model, advance, { prefill, runs }, tell) {
  const session = unwrap(model.createSession(0, 0, false, null));
  const read = async (count) => {
    unwrap(session.prompt(Int32Array.from({ length: count }, (_, i) => 1 + (i % 200))));
    do await advance([session], Int32Array.of(count));
    while (session.pending() > 0);
  };
  tell('decode', 1 / (await median(runs, () => read(1))));
  for (const count of prefill) tell(`prefill ${count}`, count / (await median(3, () => read(count))));
}

/** Of the bytes of a model those that a token meets: all but the embedding, which is Q8_0 beside q8 and q4, else halves. */
function bytesOfToken({ bytes, vocabulary, channels }, format) {
  return bytes - vocabulary * channels * (format.startsWith('q') ? 34 / 32 : 2);
}

const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
const { description, subgroupMinSize, subgroupMaxSize } = adapter.info;
const isSoftware = adapter.info.vendor === 'google'; // SwiftShader: to see whether this program runs
const features = [...adapter.features].filter((feature) => /subgroups|shader-f16/.test(feature));
console.log(`${description}: ${features.join(', ')}; subgroups ${subgroupMinSize} to ${subgroupMaxSize}`);
const device = await openDevice(gpu);
const bandwidth = await readBandwidth(device.gpu);
console.log(`reading: ${(bandwidth / 1e9).toPrecision(3)} GB/s`);

for (const format of formats.length > 0 ? formats : ['q4']) {
  const source = sourceOf(file);
  const begun = performance.now();
  const module = await startModule('rwkv-gpu');
  const loading = unwrap(module.startLoading(source, null, null, format, null, [], () => {}, allLayers));
  const passes = await DevicePasses.load(device, module, loading);
  loading.delete();
  const info = passes.model.info();
  const megabytes = (bytesOfToken(info, format) / 1e6).toFixed(0);
  console.log(
    `\n${source.name}, ${format}: ${megabytes} MB a token, loaded in ${secondsSince(begun).toFixed(1)} s`,
  );
  const dispatches = await passes.dispatches(1);
  await measure(
    passes.model,
    (...pass) => passes.advance(...pass),
    isSoftware ? { prefill: [40], runs: 2 } : { prefill: [32, 512], runs: 30 },
    (what, rate) => {
      const read = bytesOfToken(info, format) * rate;
      const share = `${dispatches} dispatches, ${(read / 1e9).toFixed(1)} GB/s, ${((100 * read) / bandwidth).toFixed(0)} % of reading`;
      console.log(`  device     ${what}: ${rate.toFixed(0)} tok/s${what === 'decode' ? `, ${share}` : ''}`);
    },
  );
  passes.destroy();
  if (!isAsked) continue;

  const processor = await startModule('groupBy' in Object ? 'rwkv-relaxed' : 'rwkv-baseline');
  const here = unwrap(processor.startLoading(source, null, null, format, null, [], () => {}, allLayers));
  let model = null;
  while (model === null) model = unwrap(here.next());
  const advance = (...pass) => unwrap(processor.advance(...pass));
  await measure(model, advance, { prefill: [128], runs: 9 }, (what, rate) =>
    console.log(`  one thread ${what}: ${rate.toFixed(1)} tok/s`),
  );
}
process.exit(0); // Dawn keeps the process
