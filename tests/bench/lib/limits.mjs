// Runs limits.wasm in workers, in Node or in a page: the read bandwidth, and how many products a second.

/** Operations of a step of each product (8 vector products, each of these lanes with its addition). */
const operations = { f32: 64, i16: 128, i8_split: 256, i8_short: 256, i8_fused: 256 };
const streams = [1, 2, 4, 8];
const stepsOfCall = 200_000;

/** Products that a kernel of a quantization can be made of: halves become floats, and sums of q8 do not fit 16 bits. */
const products = { f32: ['f32'], f16: ['f32'], q8: ['i16', 'i8_split', 'i8_fused'] };
products.q4 = [...products.q8, 'i8_short'];

/** One worker's part: work for about `milliseconds`; done (bytes or operations) a second. */
export async function createWork(module, megabytes) {
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][name] = () => 0;
  }
  const { exports } = await WebAssembly.instantiate(module, imports);
  exports._initialize?.();
  const bytes = megabytes * 2 ** 20;
  if (!exports.reserve(bytes)) throw new Error(`no ${megabytes} MB of memory`);
  const calls = {};
  for (const count of streams) calls[`read ${count}`] = [() => exports.read(count), bytes];
  for (const [name, each] of Object.entries(operations))
    if (exports[name]) calls[name] = [() => exports[name](stepsOfCall), stepsOfCall * each];
  return {
    names: Object.keys(calls),
    run(name, milliseconds) {
      const [call, amount] = calls[name];
      const start = performance.now();
      let done = 0;
      let now = start;
      for (; now - start < milliseconds; now = performance.now()) {
        call();
        done += amount;
      }
      return (1000 * done) / (now - start);
    },
  };
}

/** The best of a few windows of each kind of work, all workers together. `workers`: each `ask(message)` -> answer. */
export async function measureWork(workers, module, { megabytes, milliseconds, windows }) {
  const all = (message) => Promise.all(workers.map((ask) => ask(message)));
  const [names] = await all({ module, megabytes });
  const best = Object.fromEntries(names.map((name) => [name, 0]));
  for (let i = 0; i <= windows; i++)
    for (const name of names) {
      const rates = await all({ name, milliseconds });
      const together = rates.reduce((sum, rate) => sum + rate, 0);
      if (i > 0) best[name] = Math.max(best[name], together); // the first: V8 still compiles
    }
  return best;
}

/** The best read bandwidth (bytes a second) of what `measureWork` answered. */
export const bandwidth = (work) => Math.max(...streams.map((count) => work[`read ${count}`]));

/** The most operations a second that weights of a quantization could do. */
export const arithmetic = (work, quantization) =>
  Math.max(...products[quantization].map((name) => work[name] ?? 0));
