// From a request to a model that is ready.
import { RwkvError } from '../shared/errors.js';
import { quantizations } from '../shared/number-formats.js';
import type { LoraChoice, Place, Request, Told } from '../shared/protocol.js';
import type { LoadProgress, ModelInfo, Quantization } from '../shared/types.js';
import { world } from '../shared/world.js';
import type { ByteSource } from '../store/shelf.js';
import { type Engine, startEngine } from './engine.js';
import { openSource, type WorkerHost } from './host.js';
import {
  reader,
  unwrap,
  type WasmLoading,
  type WasmLora,
  type WasmModel,
  type WasmModule,
  type WasmSession,
} from './module.js';
import { PrefixCache } from './prefix-cache.js';
import type { Loaded } from './text.js';
import { Turns } from './turns.js';
import type { Vocabulary } from './vocabulary/types.js';
import { openVocabulary } from './vocabulary/vocabulary.js';

/** With what a few sessions, a pass over the weights and reading the file take: some 2 % in models of 100 MB and more. */
const withSpare = (bytes: number) => 1.03 * bytes + 8 * 2 ** 20;

/** Weights that lie in caches: with 5 MB two threads decode no faster than one, and read a prompt at 0.7 to 1.5 times its speed. */
const smallBytes = 16 * 2 ** 20;

/** What a model is made of. */
export interface Opened {
  readonly engine: Engine;
  readonly vocabulary: Vocabulary;
  /** The model's file, which closes that of its adapters too. */
  readonly source: ByteSource;
  readonly lora: WasmLora | null;
}

/** Opens all that a load asks for; `before`: what an earlier one did, whose vocabulary did not serve. */
export async function open(
  request: Request<'load'>,
  host: WorkerHost,
  report: (progress: LoadProgress) => void,
  before: Opened | undefined,
): Promise<Opened> {
  const vocabulary = openVocabulary(request.vocabulary, host);
  if (before) return { ...before, vocabulary: await vocabulary };
  if (request.model === null) throw new Error('asked before a model was opened');
  // At the same time: each waits for the network.
  const engine = startEngine(request.build, host, request.threads, request.wasmUrl);
  const source = openFiles(request.model, request.lora, host, report);
  try {
    const [started, read, opened] = await Promise.all([engine, vocabulary, source]);
    return { engine: started, vocabulary: read, ...opened };
  } catch (error) {
    source.then(
      (late) => late.source.close(),
      () => {},
    );
    throw error;
  }
}

// A model's file, and that of the adapters that are merged into it.
async function openFiles(
  model: Place,
  lora: LoraChoice | null,
  host: WorkerHost,
  report: (progress: LoadProgress) => void,
): Promise<Pick<Opened, 'source' | 'lora'>> {
  const source = await openSource(model, host, report);
  if (!lora) return { source, lora: null };
  try {
    const adapters = await openSource(lora.place, host, report);
    const both: ByteSource = {
      name: source.name,
      size: source.size,
      read: (offset, into) => source.read(offset, into),
      close() {
        source.close();
        adapters.close();
      },
    };
    const { alpha, scale } = lora;
    return {
      source: both,
      lora: { ...reader(adapters), alpha: alpha ?? Number.NaN, scale: scale ?? Number.NaN },
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

/** Whether the vocabulary is to be that of the file, which has none, and the tokens are those of RWKV World. */
export function lacksWorld({ engine, vocabulary, source }: Opened): boolean {
  if (vocabulary.core !== 'embedded') return false;
  const { tokenizer, vocabulary: tokens } = unwrap(engine.module.inspect(reader(source)));
  return tokenizer === null && tokens === world.tokens;
}

/**
 * What the operation `load` does. `breathe` lets the event loop run; `crash` hears what ends the reading of tokens,
 * `tellKernels` which kernels turn out to be faster.
 *
 * @throws RwkvError as `RWKV.load`
 */
export async function load(
  request: Request<'load'>,
  { engine, vocabulary, source, lora }: Opened,
  breathe: () => Promise<void>,
  crash: (error: unknown) => void,
  tellKernels: (kernels: string) => void,
  report: (progress: LoadProgress) => void,
): Promise<Loaded & { readonly info: Told<ModelInfo> }> {
  try {
    const loading = unwrap(
      engine.module.startLoading(
        reader(source),
        lora,
        vocabulary.core,
        request.quantization,
        request.kernels,
        request.fastKernels,
        (loaded, total) => report({ stage: 'load', loaded, total }),
      ),
    );
    requireRoom(source.name, loading, engine.module, request.quantization);
    const model = await finish(loading, breathe);
    loading.delete();
    const info = model.info();
    const threads = request.threads === 'auto' && info.bytes < smallBytes ? 1 : engine.threads;
    engine.useThreads(threads);
    const sessionBytes = info.stateBytes + 4 * info.vocabulary; // with the logits
    const prefixes = new PrefixCache<WasmSession>(request.prefixCache, sessionBytes);
    const advance = (batch: WasmSession[], most: Int32Array) => {
      const kernels = prefixes.makeRoom(() => engine.module.advance(batch, most));
      if (kernels !== null) tellKernels(kernels);
    };
    const { startTuning } = engine.module;
    return {
      model,
      ...(startTuning && { startTuning: (learning, file) => startTuning(model, learning, file) }),
      turns: new Turns(advance, breathe, crash),
      prefixes,
      vocabulary: info.vocabulary,
      encode: vocabulary.encode ?? ((text) => unwrap(model.tokenize(text))),
      decode(tokens) {
        const text = unwrap(model.detokenize(tokens));
        return vocabulary.dropsBlank ? text.replace(/^ /, '') : text;
      },
      info: {
        ...info,
        name: source.name,
        lora: lora?.name ?? null,
        build: engine.build,
        threads,
        warnings: [...engine.warnings, ...info.warnings],
      },
    };
  } finally {
    source.close();
  }
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
