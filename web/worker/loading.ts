// From a request to a model that is ready.
import type { LoraChoice, Place, Request, Told } from '../shared/protocol.js';
import type { LoadProgress, ModelInfo } from '../shared/types.js';
import { world } from '../shared/world.js';
import type { ByteSource } from '../store/shelf.js';
import type { Computed } from './computer.js';
import { type Engine, startEngine, startModule } from './engine.js';
import type { DeviceHost, OnDevice } from './gpu/device-model.js';
import { openSource, type WorkerHost } from './host.js';
import { reader, unwrap, type WasmLora, type WasmSession } from './module.js';
import { PrefixCache } from './prefix-cache.js';
import { loadHere, type ModelFiles, type ReadingHost } from './processor.js';
import type { Loaded } from './text.js';
import { Turns } from './turns.js';
import type { Vocabulary } from './vocabulary/types.js';
import { openVocabulary } from './vocabulary/vocabulary.js';

/**
 * Weights that lie in caches: with 5 MB two threads decode no faster than one, and read a prompt at 0.7 to 1.5 times its speed. A
 * graphics processor answers later than they are read.
 */
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

/** What the operation `load` is lent. */
export interface LoadHost extends ReadingHost {
  /** Hears what ends the reading of tokens. */
  crash(error: unknown): void;
}

/**
 * What the operation `load` does.
 *
 * @throws RwkvError as `RWKV.load`
 */
export async function load(
  request: Request<'load'>,
  opened: Opened,
  host: WorkerHost,
  lent: LoadHost,
): Promise<Loaded & { readonly info: Told<ModelInfo> }> {
  const { engine, vocabulary, source, lora } = opened;
  try {
    const { model, device, warnings, makeComputer, startTuning } = await compute(request, opened, host, lent);
    const info = model.info();
    const usesOne = device === 'gpu' || (request.threads === 'auto' && info.bytes < smallBytes);
    const threads = usesOne ? 1 : engine.threads;
    engine.useThreads(threads);
    const sessionBytes = info.stateBytes + 4 * info.vocabulary; // with the logits
    const prefixes = new PrefixCache<WasmSession>(request.prefixCache, sessionBytes);
    const computer = makeComputer(prefixes);
    return {
      model,
      computer,
      ...(startTuning && { startTuning }),
      turns: new Turns((batch, most) => computer.advance(batch, most), lent.breathe, lent.crash),
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
        device,
        warnings: [...engine.warnings, ...warnings, ...info.warnings],
      },
    };
  } finally {
    source.close();
  }
}

// On the device that was asked for, as far as it can be had and, where that was left open, is faster.
async function compute(
  request: Request<'load'>,
  { engine, source, lora, vocabulary }: Opened,
  host: WorkerHost,
  lent: LoadHost,
): Promise<Computed & Pick<ModelInfo, 'device' | 'warnings'>> {
  const files = { source: reader(source), lora, vocabulary: vocabulary.core };
  const here = (layers?: number) =>
    loadHere(engine.module, request, files, layers ? { ...lent, report() {} } : lent, layers);
  const { device: wanted } = request;
  const warnings: string[] = [];
  if (wanted === 'gpu' || (wanted === 'auto' && source.size >= smallBytes)) {
    const there = await onDevice(request, files, host, { ...lent, firstLayers: here });
    if (typeof there !== 'string') return { ...there, device: 'gpu', warnings };
    if (wanted === 'gpu') warnings.push(`device: this processor computes: ${there}`);
  }
  return { ...(await here()), device: 'cpu', warnings };
}

async function onDevice(
  request: Request<'load'>,
  files: ModelFiles,
  { modules, gpu, atEnd, ...host }: WorkerHost,
  lent: Pick<DeviceHost, 'report' | 'firstLayers'>,
): Promise<OnDevice> {
  const { device } = modules;
  if (!device || !gpu) return 'modules that learn have no part for devices';
  const folder = request.wasmUrl && new URL('.', request.wasmUrl).href; // a URL may name another module
  const startDevice = () => startModule(device, { modules, ...host }, folder);
  const { loadOnDevice } = await device.code();
  return loadOnDevice(request, files, { ...lent, gpu, ...(atEnd && { atEnd }), startModule: startDevice });
}
