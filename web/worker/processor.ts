// A model that this processor computes, its weights in the memory of the core.
import { RwkvError } from '../shared/errors.js';
import { quantizations } from '../shared/number-formats.js';
import type { Request } from '../shared/protocol.js';
import type { LoadProgress, Quantization } from '../shared/types.js';
import type { Computed, Computer, Reading } from './computer.js';
import {
  allLayers,
  unwrap,
  type WasmLoading,
  type WasmLora,
  type WasmModel,
  type WasmModule,
  type WasmSession,
  type WasmSource,
  type WasmVocabulary,
} from './module.js';
import type { PrefixCache } from './prefix-cache.js';

/** With what a few sessions, a pass over the weights and reading the file take: some 2 % in models of 100 MB and more. */
const withSpare = (bytes: number) => 1.03 * bytes + 8 * 2 ** 20;

/** What a model is read from. */
export interface ModelFiles {
  readonly source: WasmSource;
  readonly lora: WasmLora | null;
  readonly vocabulary: WasmVocabulary;
}

/** What reading it is lent. */
export interface ReadingHost {
  /** Lets the event loop run. */
  breathe(): Promise<void>;
  /** Hears which kernels turn out to be faster. */
  tellKernels(kernels: string): void;
  report(progress: LoadProgress): void;
}

type Wishes = Pick<Request<'load'>, 'quantization' | 'kernels' | 'fastKernels'>;

/** Reads a model, or its first layers. @throws RwkvError as `RWKV.load` */
export async function loadHere(
  module: WasmModule,
  { quantization, kernels, fastKernels }: Wishes,
  { source, lora, vocabulary }: ModelFiles,
  { breathe, tellKernels, report }: ReadingHost,
  layers = allLayers,
): Promise<Computed> {
  const onProgress = (loaded: number, total: number) => report({ stage: 'load', loaded, total });
  const loading = unwrap(
    module.startLoading(source, lora, vocabulary, quantization, kernels, fastKernels, onProgress, layers),
  );
  try {
    requireRoom(source.name, loading, module, quantization);
    const model = await finish(loading, breathe);
    const { startTuning } = module;
    return {
      model,
      makeComputer: (prefixes) => processor(module, model, prefixes, tellKernels),
      ...(startTuning && { startTuning: (learning, file) => startTuning(model, learning, file) }),
    };
  } finally {
    loading.delete();
  }
}

function processor(
  module: WasmModule,
  model: WasmModel,
  prefixes: PrefixCache<WasmSession>,
  tellKernels: (kernels: string) => void,
): Computer {
  const reading = (begin: () => ReturnType<WasmModel['pool']>): Reading => {
    const begun = prefixes.makeRoom(begin);
    return { next: () => prefixes.makeRoom(() => begun.next()), delete: () => begun.delete() };
  };
  return {
    check() {},
    advance(sessions, most) {
      const kernels = prefixes.makeRoom(() => module.advance(sessions, most));
      if (kernels !== null) tellKernels(kernels);
    },
    score: (session, tokens, top) => reading(() => model.score(session, tokens, top)),
    pool: (tokens) => reading(() => model.pool(tokens)),
    bringHome: () => undefined,
  };
}

// Takes the memory at once, so that what cannot fit is refused before a weight is read.
function requireRoom(
  name: string,
  loading: WasmLoading,
  module: WasmModule,
  asked: Quantization | null,
): void {
  const bytes = unwrap(loading.bytes(asked));
  const fits = (needed: number) => module.hasRoom(withSpare(needed));
  if (fits(bytes)) return;
  const fitting = quantizations
    .map((quantization) => ({ quantization, needed: unwrap(loading.bytes(quantization)) }))
    .filter(({ needed }) => fits(needed))
    .map(({ quantization, needed }) => `'${quantization}' takes ${gigabytes(needed)}`);
  const advice = fitting.length > 0 ? `quantization ${fitting.join(', ')}` : 'no quantization fits';
  throw new RwkvError(
    'out-of-memory',
    `${name}: ${asked ?? 'the model'} takes ${gigabytes(bytes)}, more than WebAssembly has room for here (4 GB at most); ${advice}`,
  );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

// Between two parts browsers collect what reading the last one has left: in one go they would let it pile up.
async function finish(loading: WasmLoading, breathe: () => Promise<void>): Promise<WasmModel> {
  for (;;) {
    const model = unwrap(loading.next());
    if (model) return model;
    await breathe();
  }
}
