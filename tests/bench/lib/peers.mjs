// The other ways to run a model of this kind in a page: installed on demand, outside the package's own packages.
import { ensureInstalled } from './install.mjs';

const version = '3.13.0';

/** The type of ggml that keeps weights as one of ours does. */
export const ggmlTypes = { f16: 'F16', q8: 'Q8_0', q4: 'Q4_0' };

/** Installs wllama into build/peers; its version. */
export function ensureWllama() {
  ensureInstalled('peers', '@wllama/wllama', version);
  return version;
}

/** One visit: a model of wllama in a page of `browser`, on the CPU. Tokens a second, as it tells them itself. */
export const measureWllama = (browser, source, options) => browser.visit(source, wllamaInPage, options);

// Runs in the page. Texts are random letters, which are a token each in the vocabulary that write_models writes.
async function wllamaInPage({ threads, prefill, decode }) {
  const at = '/build/peers/node_modules/@wllama/wllama/esm';
  const { Wllama } = await import(`${at}/index.js`);
  const wllama = new Wllama({ default: `${at}/wasm/wllama.wasm` }, { suppressNativeLog: true });
  const { files } = globalThis.document.querySelector('input');
  const start = performance.now();
  const cpu = { n_gpu_layers: 0, n_threads: threads, n_parallel: 1 };
  await wllama.loadModel([...files], { ...cpu, n_ctx: 2048, n_batch: 512, warmup: false });
  const load_ms = performance.now() - start;
  const letters = (count) =>
    Array.from({ length: count }, () => String.fromCharCode(97 + Math.floor(Math.random() * 26))).join('');
  const complete = (prompt, tokens) =>
    wllama.createCompletion({ prompt, max_tokens: tokens, temperature: 0, top_k: 1, ignore_eos: true });
  await complete(letters(16), 4); // V8 compiles
  const { timings } = await complete(letters(prefill), decode);
  const [inUse, llama] = [wllama.getNumThreads(), Wllama.getLibllamaVersion()];
  await wllama.exit();
  if (timings.prompt_n !== prefill || timings.predicted_n !== decode)
    throw new Error(`wllama read ${timings.prompt_n} tokens and wrote ${timings.predicted_n}`);
  const rates = { prefill: timings.prompt_per_second, decode: timings.predicted_per_second };
  return { load_ms, threads: inUse, llama, ...rates };
}
