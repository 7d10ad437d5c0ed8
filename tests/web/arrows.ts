// Who may know whom. The house is divided into rooms; each names the rooms that its files may include or import. A file
// in no room, an arrow that is not here and a word outside its room are violations.
import { posix } from 'node:path';

interface Room {
  /** Paths from the root of the repository. */
  readonly files: RegExp;
  /** Rooms that these files may see, besides their own. */
  readonly sees: readonly string[];
  /** Packages that they may import. */
  readonly packages?: readonly string[];
}

const rooms: Readonly<Record<string, Room>> = {
  // The core: bindings -> session -> {model, tokenizer, sampling}; model -> kernels -> {simd, quant, tensor}.
  result: { files: /^src\/(result|room)\.(h|cpp)$/, sees: [] },
  utf8: { files: /^src\/utf8\.(h|cpp)$/, sees: [] },
  tensor: { files: /^src\/tensor\.(h|cpp)$/, sees: ['result'] },
  simd: { files: /^src\/simd\.h$/, sees: [] },
  dtype: { files: /^src\/quant\/(dtype|decode_blocks)\.(h|cpp)$/, sees: ['tensor'] },
  quant: { files: /^src\/quant\//, sees: ['dtype', 'tensor', 'simd'] },
  pool: { files: /^src\/(pool|team)\.(h|cpp)$/, sees: [] },
  choice: { files: /^src\/kernels\/choice\.h$/, sees: ['quant'] },
  kernels: { files: /^src\/kernels\//, sees: ['choice', 'pool', 'simd', 'quant', 'dtype', 'tensor'] },
  source: { files: /^src\/formats\/source\.h$/, sees: ['result'] },
  containers: { files: /^src\/formats\/containers\//, sees: ['source', 'tensor', 'utf8', 'simd', 'result'] },
  checkpoint: {
    files: /^src\/formats\/(checkpoint|views|lora|tensor_file)\.h$/,
    sees: ['source', 'dtype', 'tensor', 'result'],
  },
  dialects: {
    files: /^src\/formats\/dialects\//,
    sees: ['checkpoint', 'containers', 'dtype', 'tensor', 'result'],
  },
  formats: {
    files: /^src\/formats\/[\w-]+\.(h|cpp)$/,
    sees: ['dialects', 'checkpoint', 'containers', 'source', 'quant', 'dtype', 'tensor', 'result'],
  },
  // The tokenizer that a model file brings along is the part of its room that sees files.
  embedded: {
    files: /^src\/tokenizer\/embedded_tokenizer\.(h|cpp)$/,
    sees: ['tokenizer', 'formats', 'checkpoint', 'containers', 'result'],
  },
  tokenizer: { files: /^src\/tokenizer\//, sees: ['utf8', 'result'] },
  sampling: { files: /^src\/sampling\//, sees: ['simd', 'result'] },
  // Weights and config are the part of the model that sees files.
  loading: {
    files: /^src\/model\/(weights|weight_reader|tensor_reader|config|conversion|initial_state)\.(h|cpp)$/,
    sees: ['model', 'formats', 'checkpoint', 'containers', 'kernels', 'quant', 'dtype', 'tensor', 'result'],
  },
  model: { files: /^src\/model\//, sees: ['loading', 'kernels', 'quant', 'dtype', 'tensor', 'result'] },
  // Learning lies above the model; sessions do not know it.
  training: {
    files: /^src\/training\//,
    sees: [
      'model',
      'pool',
      'loading',
      'formats',
      'checkpoint',
      'containers',
      'source',
      'kernels',
      'quant',
      'dtype',
      'tensor',
      'result',
    ],
  },
  // Lists for devices lie there too.
  recording: {
    files: /^src\/recording\//,
    sees: ['model', 'loading', 'kernels', 'quant', 'dtype', 'tensor', 'result'],
  },
  // Passes that a device makes.
  device: { files: /^src\/device\//, sees: ['recording', 'model', 'result'] },
  session: {
    files: /^src\/session\//,
    sees: ['model', 'source', 'containers', 'dtype', 'tokenizer', 'sampling', 'result'],
  },
  bindings: {
    files: /^wasm\/(without_printf|bindings|files|conversion|sessions|running|js)\.(h|cpp)$/,
    sees: [
      'session',
      'sampling',
      'choice',
      'loading',
      'checkpoint',
      'source',
      'quant',
      'embedded',
      'tokenizer',
      'result',
    ],
  },

  learningBindings: {
    files: /^wasm\/learning\.cpp$/,
    sees: ['bindings', 'training', 'formats', 'checkpoint', 'source', 'result'],
  },
  gpuBindings: {
    files: /^wasm\/gpu\.cpp$/,
    sees: ['bindings', 'device', 'recording', 'model', 'session', 'dtype', 'result'],
  },
  threadBindings: { files: /^wasm\/threads\.cpp$/, sees: ['pool'] },

  // The web half, a folder a room: doors -> page -> shared <- worker; both halves -> store -> shared.
  shared: { files: /^web\/shared\//, sees: [] },
  store: {
    files: /^web\/store\/(?!node\/)/,
    sees: ['shared'],
    packages: ['@noble/hashes/sha2.js'],
  },
  nodeStore: { files: /^web\/store\/node\//, sees: ['store', 'shared'] },
  client: { files: /^web\/page\/client\.ts$/, sees: ['shared'] },
  options: {
    files:
      /^web\/(page\/(options|structure|grammar-engine|learning-engine|rules|sampling|presets|assets|places|host|published|catalogue)|storyteller)\.ts$/,
    sees: ['client', 'store', 'shared'],
  },
  tokenBytes: { files: /^web\/page\/vocabulary\.ts$/, sees: ['client', 'shared'] },
  stopTexts: { files: /^web\/page\/stop-texts\.ts$/, sees: [] },
  // What is said, how it is written for a model, and what of its text is the reply.
  chat: { files: /^web\/page\/chat\//, sees: ['stopTexts', 'options', 'shared'] },
  tuneOptions: { files: /^web\/page\/tuning\/options\.ts$/, sees: ['chat', 'options', 'shared'] },
  queue: { files: /^web\/page\/queue\.ts$/, sees: ['shared'] },
  webWorker: { files: /^web\/page\/web-worker\.ts$/, sees: ['client', 'shared'] },
  // Constrained decoding: the caller's half, which apps carry that import it, and the worker's.
  grammar: { files: /^web\/page\/grammar\//, sees: ['queue', 'client', 'options', 'shared'] },
  grammarEngine: { files: /^web\/grammar\//, sees: ['shared'] },
  page: {
    files: /^web\/page\//,
    sees: ['chat', 'tuneOptions', 'stopTexts', 'queue', 'tokenBytes', 'client', 'options', 'store', 'shared'],
  },
  thread: { files: /^web\/worker\/(thread|webassembly\.d)\.ts$/, sees: [] },
  glue: { files: /^web\/wasm\//, sees: [] },
  vocabularies: {
    files: /^web\/worker\/vocabulary\//,
    sees: ['worker', 'shared'],
    packages: ['@huggingface/tokenizers'],
  },
  // A graphics processor: lists of operations, replayed. Loaded only where one is asked for.
  gpu: { files: /^web\/worker\/gpu\//, sees: ['worker', 'shared'] },
  worker: {
    files: /^web\/(worker\/|(learning-)?builds\.ts$)/,
    sees: ['vocabularies', 'gpu', 'thread', 'glue', 'store', 'shared'],
  },
  doors: {
    files: /^web\/(index|node|node-host|api)\.ts$/,
    sees: [
      'nodeWorker',
      'webWorker',
      'page',
      'chat',
      'tuneOptions',
      'tokenBytes',
      'options',
      'store',
      'nodeStore',
      'shared',
    ],
  },
  nodeDevice: { files: /^web\/node-device\.ts$/, sees: [] },
  nodeWorker: { files: /^web\/node-worker\.ts$/, sees: ['client', 'shared', 'nodeDevice'] },
  grammarDoors: {
    files: /^web\/grammar(-node)?\.ts$/,
    sees: ['grammar', 'nodeWorker', 'webWorker', 'options', 'shared'],
  },
  learningDoors: {
    files: /^web\/learning(-node)?\.ts$/,
    sees: ['nodeWorker', 'webWorker', 'page', 'tuneOptions', 'options', 'shared'],
  },
  workerDoors: {
    files: /^web\/(serving|worker|thread|(grammar|learning)-worker)-(web|node)\.ts$/,
    sees: ['grammarEngine', 'worker', 'thread', 'store', 'nodeStore', 'nodeDevice', 'shared'],
  },
  adapters: {
    files: /^web\/adapters\//,
    sees: ['doors', 'page', 'chat', 'stopTexts', 'queue', 'tokenBytes', 'options', 'shared'],
    packages: ['ai'],
  },
  commandLine: {
    files: /^web\/cli(\.ts$|\/)/,
    sees: [
      'doors',
      'grammarDoors',
      'learningDoors',
      'server',
      'adapters',
      'chat',
      'tuneOptions',
      'options',
      'nodeStore',
      'shared',
    ],
    packages: ['commander'],
  },
  // Requests over HTTP.
  server: {
    files: /^web\/serve\//,
    sees: ['adapters', 'doors', 'shared'],
    packages: ['hono', 'hono/body-limit', 'hono/cors', '@hono/node-server'],
  },
  serviceWorker: {
    files: /^web\/demo\/service-worker\//,
    sees: [],
    packages: [
      'workbox-precaching/addPlugins.js',
      'workbox-precaching/cleanupOutdatedCaches.js',
      'workbox-precaching/precacheAndRoute.js',
    ],
  },
  // How the site is built; whose code that is, is told by the build of the package.
  notices: { files: /^wasm\/notices\.mjs$/, sees: [] },
  site: {
    files: /^web\/demo\/(vite\.config|offline\/(plugin|icons))\.ts$/,
    sees: ['notices'],
    packages: ['vite', '@resvg/resvg-wasm'],
  },
  demo: {
    files: /^web\/demo\//,
    sees: ['doors', 'shared'],
    packages: [
      'rwkv-wasm',
      'rwkv-wasm/learning',
      'preact',
      'preact/hooks',
      '@preact/signals',
      'uplot',
      'uplot/dist/uPlot.min.css',
      'idb-keyval',
    ],
  },
};

interface Word {
  readonly pattern: RegExp;
  /** The files that the word concerns. */
  readonly among: RegExp;
  /** Those of them that may say it. */
  readonly allowed: RegExp;
}

const words: Readonly<Record<string, Word>> = {
  'intrinsics headers': {
    pattern: /#\s*include\s*<(\w*intrin|arm_\w+|wasm_simd128|xsimd)\b/,
    among: /\.(h|cpp)$/,
    allowed: /^src\/simd\.h$/,
  },
  'emscripten headers': { pattern: /#\s*include\s*<emscripten/, among: /\.(h|cpp)$/, allowed: /^wasm\// },
  'network and browser storage': {
    pattern:
      /\b(fetch\s*\(|XMLHttpRequest|caches\b|indexedDB|localStorage|FileReaderSync|navigator\.(storage|locks))/,
    among: /^web\/(?!demo\/).*\.ts$/,
    allowed: /^web\/store\/(?!node\/)/,
  },
  'modules of Node': {
    pattern: /['"]node:/,
    among: /^web\/.*\.ts$/,
    allowed:
      /^web\/((node-host|node-worker|node-device|serving-node|thread-node|grammar-node|grammar-worker-node|learning-node|cli)\.ts$|(cli|serve|store\/node)\/|demo\/(vite\.config|offline\/(plugin|icons))\.ts$)/,
  },
  // Of 2023 and later: engines of the README's table lack them, and tsc does not know which those are.
  'functions that older engines lack': {
    pattern:
      /\b(toSorted|toReversed|toSpliced|canParse|withResolvers|fromAsync|AbortSignal\.any)\b|\bgroupBy\(/,
    among: /^web\/(?!(cli|serve)\/).*\.tsx?$/,
    allowed: /^$/,
  },
  // Objects of the host may be of another realm; classes of ours and of packages are of one.
  instanceof: {
    pattern:
      /\binstanceof (?!(RwkvError|OpenAIError|OpenAIStream|Dropped|Unreached|Unsupported|PromptApiSession|CommanderError|CustomEvent|DragEvent)\b)/,
    among: /^web\/.*\.tsx?$/,
    allowed: /^$/,
  },
  // The doors adapt the workers of their hosts.
  postMessage: {
    pattern: /\bpostMessage\b/,
    among: /^web\/.*\.ts$/,
    allowed:
      /^web\/(page\/client|shared\/serve|(serving|thread|grammar-worker)-(web|node)|node-worker|node-device|demo\/offline\/start)\.ts$/,
  },
};

/** What a file includes or imports: paths of files of the repository, and names of packages. */
export function targetsOf(path: string, text: string): string[] {
  const code = withoutComments(text);
  return /\.tsx?$/.test(path) ? imports(path, code) : includes(path, code);
}

/** What is wrong, one sentence each, in files given by path and text. */
export function violations(files: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  for (const [path, text] of files) {
    const code = withoutComments(text);
    const from = roomOf(path);
    if (from === undefined) {
      found.push(`${path} stands in no room`);
      continue;
    }
    for (const target of targetsOf(path, text)) {
      const sentence = judge(from, path, target);
      if (sentence) found.push(sentence);
    }
    for (const [what, { pattern, among, allowed }] of Object.entries(words)) {
      if (among.test(path) && !allowed.test(path) && pattern.test(code)) found.push(`${path} knows ${what}`);
    }
  }
  return found;
}

function judge(from: string, path: string, target: string): string | undefined {
  const room = rooms[from];
  if (!room) return undefined;
  if (!/^(src|wasm|web)\//.test(target)) {
    return room.packages?.includes(target) ? undefined : `${path} imports the package ${target}`;
  }
  const to = roomOf(target);
  if (to === undefined) return `${path} sees ${target}, which stands in no room`;
  if (to === from || room.sees.includes(to)) return undefined;
  return `${path} (${from}) sees ${target} (${to})`;
}

function roomOf(path: string): string | undefined {
  return Object.entries(rooms).find(([, room]) => room.files.test(path))?.[0];
}

// Quoted includes are the core's own, from src/ or from the file's folder.
function includes(path: string, code: string): string[] {
  return [...code.matchAll(/#\s*include\s*"([^"]+)"/g)].map(([, name = '']) =>
    name.startsWith('.') ? posix.join(posix.dirname(path), name) : `src/${name}`,
  );
}

function imports(path: string, code: string): string[] {
  const specifiers = code.matchAll(/(?:\bfrom|\bimport|\bimport\s*\()\s*['"]([^'"]+)['"]/g);
  return [...specifiers]
    .map(([, name = '']) => name)
    .filter((name) => !name.startsWith('node:'))
    .map((name) =>
      name.startsWith('.') ? posix.join(posix.dirname(path), name).replace(/\.js$/, '.ts') : name,
    );
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"])\/\/.*$/gm, '$1');
}
