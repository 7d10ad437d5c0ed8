// What the worker does for each operation of the protocol.
import { RwkvError } from '../shared/errors.js';
import type { Handlers, ModelOp, Place, Progress, Request } from '../shared/protocol.js';
import type { ByteSource } from '../store/shelf.js';
import { keepDownload, verifyStored } from '../store/storing.js';
import type { Reading } from './computer.js';
import { startEngine } from './engine.js';
import { openSource, type WorkerHost } from './host.js';
import { lacksWorld, load, type Opened, open } from './loading.js';
import { joined, reader, seedWords, unwrap, type WasmPieces } from './module.js';
import { pack } from './packing.js';
import { readModelIndex } from './parts/model-index.js';
import type { Teaching } from './teaching.js';
import { type Loaded, Text, tokensOf } from './text.js';
import type { Tuning } from './tuning.js';
import { wholeChunk } from './turns.js';

/** `breathe` lets the event loop run; `crash` hears what no call can be told, `tellKernels` which are fast here. */
export function createHandlers(
  lent: WorkerHost,
  breathe: () => Promise<void>,
  crash: (error: unknown) => void,
  tellKernels: (kernels: string) => void,
): Handlers<ModelOp> {
  let arrive = (_: Request<'arrive'>['pieces']) => {};
  const arrival = new Promise<Request<'arrive'>['pieces']>((resolve) => {
    arrive = resolve;
  });
  const host: { -readonly [K in keyof WorkerHost]: WorkerHost[K] } = { ...lent, arrival };
  let conversion: { readonly pieces: WasmPieces; readonly source: ByteSource } | undefined;
  let opened: Opened | undefined; // a model that waits for its vocabulary
  let loaded: Loaded | undefined;
  let file: Place | null = null; // the model's, which all of its weights are learned from
  let tuning: Promise<Tuning> | undefined;
  let training: ReturnType<Teaching['trainVocabulary']> | undefined;
  const texts = new Map<number, Text>();
  let last = 0;

  function there(): Loaded {
    if (!loaded) throw new Error('asked before a model was loaded');
    return loaded;
  }
  function keep(text: Text): number {
    texts.set(++last, text);
    return last;
  }
  function find(id: number): Text {
    const text = texts.get(id);
    if (!text) throw new RwkvError('disposed', 'the session was disposed');
    return text;
  }
  // Between two passes, where it may be touched.
  function atRest<T>(id: number, work: (text: Text) => T | Promise<T>): T | Promise<T> {
    const pass = there().turns.underWay;
    if (!pass) there().computer.check(); // what a lost device had is gone, which is what is to be told
    return pass ? pass.then(() => atRest(id, work)) : work(find(id));
  }
  async function taught(): Promise<Tuning> {
    if (!tuning) throw new RwkvError('disposed', 'the tuning was ended');
    return tuning;
  }
  function teaching(): Teaching {
    if (host.teaching) return host.teaching;
    throw new RwkvError(
      'unsupported',
      'the model was loaded without what teaches it: pass learning of rwkv-wasm/learning to RWKV.load, as option learning',
    );
  }
  function vocabulary() {
    training ??= teaching().trainVocabulary();
    return training;
  }
  async function openModel(): Promise<ByteSource> {
    if (file) return openSource(file, host);
    throw new RwkvError(
      'unsupported',
      "method 'full': all weights can be learned of a model that was loaded with quantization 'f32' and without lora",
    );
  }
  // Between two chunks others have their turn.
  async function finish(
    reading: Reading,
    total: number,
    report: (progress: Progress) => void,
  ): Promise<Float32Array<ArrayBuffer>> {
    try {
      for (let tokens = wholeChunk; ; tokens += wholeChunk) {
        const numbers = await reading.next();
        report({ tokens: numbers ? total : tokens, total });
        if (numbers) return numbers;
        await breathe();
      }
    } finally {
      reading.delete();
    }
  }
  return {
    async load(request, report) {
      let now = opened;
      opened = undefined;
      file = request.model ?? file;
      try {
        now = await open(request, host, report, now);
        delete host.arrival; // and the bytes with it
        if (lacksWorld(now)) {
          opened = now;
          return null;
        }
        const { info, ...rest } = await load(request, now, host, { breathe, crash, tellKernels, report });
        loaded = rest;
        if (!rest.startTuning || info.quantization !== 'f32' || info.lora !== null) file = null; // bytes are held by it
        return info;
      } catch (error) {
        now?.source.close();
        throw error;
      }
    },
    arrive: ({ pieces }) => void arrive(pieces),
    async inspect({ model, build, wasmUrl }, report) {
      const engine = await startEngine(build, host, 1, wasmUrl);
      const source = await openSource(model, host, report);
      try {
        return unwrap(engine.module.inspect(reader(source)));
      } finally {
        source.close();
      }
    },
    async readIndex({ index }, report) {
      const source = await openSource(index, host, report);
      try {
        return readModelIndex(source);
      } finally {
        source.close();
      }
    },
    async convert({ model, quantization, sampling, build, wasmUrl }, report) {
      const engine = await startEngine(build, host, 1, wasmUrl);
      const source = await openSource(model, host, report);
      const pieces = unwrap(engine.module.startConversion(reader(source), quantization, sampling));
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
    pack: (request, report) => pack(request, host, report),

    tokenize: ({ text }) => there().encode(text, false),
    detokenize: ({ tokens }) => there().decode(tokens),
    tokenBytes: () => unwrap(there().model.tokenBytes()),
    async score({ session, before, prompt, topLogprobs }, report) {
      const text = await atRest(session, (text) => text);
      const context = tokensOf(before, there(), false);
      if (context.length === 0)
        throw new RwkvError('invalid-argument', 'option after: expected at least one token');
      const tokens = tokensOf(prompt, there(), context.at(-1) !== 0); // 0 ends a text
      const all = new Int32Array(context.length + tokens.length);
      all.set(context);
      all.set(tokens, context.length);
      const scores = await finish(text.score(all, topLogprobs), all.length, report);
      const width = scores.length / Math.max(all.length - 1, 1); // the first token comes after nothing
      return { tokens, scores: scores.slice((context.length - 1) * width) };
    },
    async embed({ prompt }, report) {
      const tokens = tokensOf(prompt, there(), false);
      if (tokens.length === 0) throw new RwkvError('invalid-argument', 'text: expected at least one token');
      return finish(there().computer.pool(tokens), tokens.length, report);
    },

    async createSession({ seed, isSeeded, state }) {
      const source = state && (await openSource(state, host));
      try {
        const file = source && reader(source);
        const { model, prefixes } = there();
        const session = prefixes.makeRoom(() => model.createSession(...seedWords(seed), isSeeded, file));
        return keep(new Text(there(), session, state === null));
      } finally {
        source?.close();
      }
    },
    append: ({ session, prompt }, report) => atRest(session, (text) => text.append(prompt, report)),
    begin: ({ session, call, prompt, border, drawing }, report) =>
      atRest(session, (text) => text.begin(call, prompt, border, drawing, report)),
    next: ({ session, allowed, isDelivered }) => atRest(session, (text) => text.next(allowed, isDelivered)),
    goBack: ({ session, text: before }) => atRest(session, (text) => void text.goBack(before)),
    rewind: ({ session, call }) => atRest(session, (text) => text.rewind(call)),
    reset: ({ session }) => atRest(session, (text) => void text.reset()),
    fork: ({ session }) => atRest(session, (text) => keep(text.fork())),
    save: ({ session, asHalves }) => atRest(session, (text) => text.save(asHalves)),
    logits: ({ session }) => atRest(session, (text) => text.logits()),
    pause: ({ session }) => void find(session).pause(),
    disposeSession({ session }) {
      find(session).dispose();
      texts.delete(session);
      return undefined;
    },

    async beginTuning({ learning }) {
      if (tuning)
        throw new RwkvError(
          'invalid-argument',
          'the model is being taught already, and one tuning at a time',
        );
      const begun = teaching().tune(there(), learning, { openModel, breathe });
      tuning = begun;
      try {
        await begun;
      } catch (error) {
        tuning = undefined;
        throw error;
      }
      return undefined;
    },
    addDocument: async ({ parts, isValidation }) => (await taught()).add(parts, isValidation),
    async planTuning({ checkpoint }) {
      const source = checkpoint && (await openSource(checkpoint, host));
      try {
        return await (await taught()).plan(source);
      } finally {
        source?.close();
      }
    },
    nextStep: async () => (await taught()).next(),
    tuned: async ({ format }) => (await taught()).file(format),
    saveTuning: async () => (await taught()).save(),
    async endTuning() {
      const ended = tuning;
      tuning = undefined;
      (await ended)?.end();
      return undefined;
    },
    async newModel({ format, wasmUrl, ...model }) {
      const { module } = await startEngine('baseline', host, 1, wasmUrl); // each build makes the same
      if (module.startNewModel) return joined(unwrap(module.startNewModel(model, format)));
      throw new RwkvError(
        'unsupported',
        'modules that learn make new models: workerUrl named a worker without',
      );
    },
    addVocabularyText: ({ text }) => void vocabulary().add(text),
    makeVocabulary: ({ size }) => vocabulary().finish(size),
  };
}
