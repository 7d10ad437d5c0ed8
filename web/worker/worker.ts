// The worker half of the conversation: owns the engine, the model and the recurrent states.

import { RwkvError, sentence } from '../shared/errors.js';
import type {
  Handlers,
  Op,
  Reply,
  ReplyMessage,
  Request,
  RequestMessage,
  WorkerMessage,
} from '../shared/protocol.js';
import type { LoadProgress, ModelInfo } from '../shared/types.js';
import type { ByteSource } from '../store/shelf.js';
import { keepDownload, keepPacked, verifyStored } from '../store/storing.js';
import { type Engine, startEngine } from './engine.js';
import { openSource, type WorkerHost } from './host.js';
import {
  reader,
  unwrap,
  type WasmConversion,
  type WasmLoading,
  type WasmModel,
  type WasmSession,
} from './module.js';
import { PrefixCache } from './prefix-cache.js';
import { type Loaded, sessionHandlers } from './session-handlers.js';
import { Turns } from './turns.js';
import { openVocabulary } from './vocabulary/vocabulary.js';

/** Weights that lie in caches: with 5 MB two threads decode no faster than one, and read a prompt at 0.7 to 1.5 times its speed. */
const smallBytes = 16 * 2 ** 20;

/** The worker's end of the line to the page. */
export interface Port {
  /** Buffers in `transfer` go with the message. */
  postMessage<K extends Op>(message: WorkerMessage<K>, transfer?: ArrayBuffer[]): void;
  listen(handle: (message: RequestMessage) => void): void;
  /** Resolves when the event loop has delivered what had arrived. No timer: they come late. */
  breathe(): Promise<void>;
}

/** Serves one model over `port`: the first requests are those of the store, then `load`, `inspect` or `convert`. */
export function serve(port: Port, host: WorkerHost): void {
  const crash = (error: unknown) => port.postMessage({ kind: 'crash', reason: sentence(error) });
  const handlers = createHandlers(host, port.breathe, crash);

  async function answer<K extends Op>({ id, op, body }: RequestMessage<K>): Promise<void> {
    const report = (progress: LoadProgress) => port.postMessage({ kind: 'progress', id, op, progress });
    try {
      const value: Reply<K> = await handlers[op](body, report);
      const reply: ReplyMessage<K> = { kind: 'reply', id, op, value };
      port.postMessage<K>(reply, buffersOf(value));
    } catch (error) {
      if (!(error instanceof RwkvError)) return crash(error);
      port.postMessage({ kind: 'error', id, op, code: error.code, message: error.message });
    }
  }
  port.listen((message) => void answer(message));
}

// Arrays that leave are copies of the heap's, so they may be given away.
function buffersOf(value: unknown): ArrayBuffer[] {
  return ArrayBuffer.isView(value) && value.buffer instanceof ArrayBuffer ? [value.buffer] : [];
}

function createHandlers(
  host: WorkerHost,
  breathe: Port['breathe'],
  crash: (error: unknown) => void,
): Handlers {
  let conversion: { readonly pieces: WasmConversion; readonly source: ByteSource } | undefined;
  let loaded: Loaded | undefined;

  function there() {
    if (!loaded) throw new Error('asked before a model was loaded');
    return loaded;
  }
  return {
    async load(request, report) {
      const { engine, info, ...parts } = await load(request, host, breathe, report);
      const advance = (batch: WasmSession[], most: Int32Array) => engine.module.advance(batch, most);
      const sessionBytes = info.stateBytes + 4 * info.vocabulary; // with the logits
      const prefixes = new PrefixCache<WasmSession>(request.prefixCache, sessionBytes);
      loaded = { ...parts, turns: new Turns(advance, breathe, crash), prefixes };
      return info;
    },
    async inspect({ model, build, wasmUrl }, report) {
      const engine = await startEngine(build, host, 1, wasmUrl);
      const source = await openSource(model, host, report);
      try {
        return unwrap(engine.module.inspect(reader(source)));
      } finally {
        source.close();
      }
    },
    async convert({ model, quantization, build, wasmUrl }, report) {
      const engine = await startEngine(build, host, 1, wasmUrl);
      const source = await openSource(model, host, report);
      const pieces = unwrap(engine.module.startConversion(reader(source), quantization));
      conversion = { pieces, source };
      return pieces.bytes();
    },
    nextPiece() {
      if (!conversion) throw new Error('asked for a piece of nothing');
      const piece = unwrap(conversion.pieces.next());
      if (piece === null) conversion.source.close();
      return piece;
    },
    download: (request, report) => keepDownload(request, host, report),
    verify: (request) => verifyStored(request, host),
    async pack(request, report) {
      const engine = await startEngine(request.build, host, 1, request.wasmUrl);
      const source = await openSource({ ...request.model }, host);
      try {
        const file = unwrap(engine.module.inspect(reader(source)));
        const quantization = request.quantization ?? file.quantization ?? 'q8';
        if (file.quantization === quantization) return request.model; // it is packed already
        const pieces = unwrap(engine.module.startConversion(reader(source), request.quantization));
        const next = () => unwrap(pieces.next());
        const close = () => source.close();
        return await keepPacked(request, { quantization, bytes: pieces.bytes(), next, close }, host, report);
      } finally {
        source.close();
      }
    },
    tokenize: ({ text }) => there().encode(text),
    detokenize: ({ tokens }) => there().model.detokenize(tokens),
    ...sessionHandlers(there, host, breathe),
  };
}

async function load(
  request: Request<'load'>,
  host: WorkerHost,
  breathe: Port['breathe'],
  report: (progress: LoadProgress) => void,
): Promise<Omit<Loaded, 'turns' | 'prefixes'> & { engine: Engine; info: ModelInfo }> {
  const engine = await startEngine(request.build, host, request.threads, request.wasmUrl);
  const vocabulary = await openVocabulary(request.vocabulary, host);
  const source = await openSource(request.model, host, report);
  try {
    const loading = unwrap(
      engine.module.startLoading(
        reader(source),
        vocabulary.core,
        request.quantization,
        request.kernels,
        (loaded, total) => report({ stage: 'load', loaded, total }),
      ),
    );
    const model = await finish(loading, breathe);
    loading.delete();
    const info = model.info();
    const threads = request.threads === 'auto' && info.bytes < smallBytes ? 1 : engine.threads;
    engine.useThreads(threads);
    return {
      engine,
      model,
      encode: vocabulary.encode ?? ((text) => unwrap(model.tokenize(text))),
      info: {
        ...info,
        name: source.name,
        build: engine.build,
        threads,
        warnings: [...engine.warnings, ...info.warnings],
      },
    };
  } finally {
    source.close();
  }
}

// Between two parts browsers collect what reading the last one has left: in one go they would let it pile up.
async function finish(loading: WasmLoading, breathe: Port['breathe']): Promise<WasmModel> {
  for (;;) {
    const model = unwrap(loading.next());
    if (model) return model;
    await breathe();
  }
}
