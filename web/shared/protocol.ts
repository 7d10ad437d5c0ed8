// The messages between the page half and the worker half, and nothing else. `Operations` is the only table: requests,
// replies and handlers are mapped types over it, so that the compiler keeps the books.
import type { RwkvErrorCode } from './errors.js';
import type {
  Build,
  ComputeDevice,
  LoadProgress,
  ModelFile,
  ModelInfo,
  Quantization,
  ReadProgress,
  RecommendedSampling,
  Step,
  TuneStep as TimedTuneStep,
  TuningPlan,
} from './types.js';

/** What keeps files: the origin private file system, the Cache API, or a folder of Node's. */
export type ShelfPlace =
  | { readonly kind: 'opfs' }
  | { readonly kind: 'cache' }
  | { readonly kind: 'folder'; readonly path: string };

/** A whole file on a shelf. */
export interface StoredPlace {
  readonly kind: 'stored';
  readonly shelf: ShelfPlace;
  readonly key: string;
}

/** What a file is wanted as; `'any'`: as whatever the package reads. */
export type Asked = 'model' | 'vocabulary' | 'state' | 'lora' | 'any';

/** Where a file is asked for. */
export interface Address {
  readonly url: string;
  /** It is of the hub, which may be told who asks. */
  readonly hub?: { readonly token: string | null };
}

/** A file of the network. */
export interface Remote {
  /** What names it, in the store too. */
  readonly url: string;
  readonly asked: Asked;
  /** Where it is to be had, one after the other. */
  readonly from: readonly Address[];
  /** Its size, where that is known. */
  readonly bytes?: number;
}

/** Where the bytes of a file are. `name` is for messages; `sha256` is what they must have, in hexadecimal. */
export type Place = { readonly name: string; readonly sha256?: string } & (
  | ({ readonly kind: 'url'; readonly arrives?: true } & Remote) // arrives: the caller's half fetches it meanwhile
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'blob'; readonly blob: Blob }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array<ArrayBuffer> }
  | StoredPlace
  | { readonly kind: 'parts'; readonly parts: readonly Place[] } // files that are one model together
);

/** A vocabulary file, `'bytes'`, what the model's own file holds, or none. */
export type VocabularyChoice = Place | 'bytes' | 'embedded' | null;

/** Where the WebAssembly modules are: a folder that ends in `/`, the file of the build in use, or by themselves. */
export type WasmUrl = string | null;

/** How tokens are drawn; every field checked. */
export type Sampling = Required<RecommendedSampling>;

/** What a file tells; how to sample it in the file's own words. */
export type Told<T> = Omit<T, 'sampling'> & { readonly sampling: string };

/** How many tokens of a prompt were read, and how many of them before, by another session. */
export interface ReadCounts {
  readonly tokens: number;
  readonly cached: number;
}

/** All that a generating call asks of the worker. */
export interface Drawing {
  readonly sampling: Sampling;
  /** Tokens and what is added to their logits. */
  readonly biasedTokens: Int32Array<ArrayBuffer>;
  readonly biases: Float32Array<ArrayBuffer>;
  /** How many of the likeliest tokens each step tells; -1: no log probabilities. */
  readonly topLogprobs: number;
  /** Whether tokens are read before they are drawn where something foretells them. Changes no result. */
  readonly readAhead: boolean;
  /** Starts chance anew. */
  readonly seed?: number;
}

/** Text, or token ids. */
export type Prompt = string | Int32Array<ArrayBuffer>;

/** The file of a LoRA, and what is known of its scale: `scale`, else `alpha`, else what the file says. */
export interface LoraChoice {
  readonly place: Place;
  readonly alpha: number | null;
  readonly scale: number | null;
}

/** A model from scratch. */
export interface NewModel {
  readonly version: '4' | '5.2' | '6' | '7';
  readonly layers: number;
  readonly channels: number;
  readonly headSize: number;
  /** 0: the version's own share of the channels. */
  readonly hidden: number;
  readonly vocabulary: number;
  readonly seed: number;
}

/** How a model is taught; every field checked. */
export interface Learning {
  readonly method: 'state' | 'lora' | 'full';
  /** Either says how long; the other is `null`. */
  readonly steps: number | null;
  readonly epochs: number | null;
  /** Tokens of a text that are read at once, at most. */
  readonly contextLength: number;
  /** Excerpts a step. */
  readonly batch: number;
  readonly learningRate: number;
  readonly schedule: 'constant' | 'linear' | 'cosine';
  /** Steps in which the rate rises. */
  readonly warmup: number;
  /** Of AdamW. */
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly weightDecay: number;
  /** The longest gradient; 0: any. */
  readonly gradientClip: number;
  /** Of `'lora'`. */
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly string[];
  readonly seed: number;
  /** Steps between measurements of what is not learned from, which also come before the first step and after the last; 0: none between. */
  readonly validationEvery: number;
}

/** A part of a document. It is encoded by itself, as the beginning of a text where it is the first or stands behind token 0. */
export interface DocumentPart {
  readonly text: Prompt;
  /** Whether its tokens are to be foretold; the first of a document never is. */
  readonly isLearned: boolean;
}

/** A step, of which the caller's half tells the rate. */
export type TuneStep = Omit<TimedTuneStep, 'tokensPerSecond'>;
export type { TuningPlan };

/** Every operation of a model's worker. Calls on one session must not overlap, but `pause` and `disposeSession`. Sessions are named by the number that `createSession` answered. */
export interface ModelOperations {
  /** Answers `null` where the model has the tokens of RWKV World and its file no vocabulary: it is asked once more with one. */
  load: {
    request: {
      /** `null`: the one that was answered so. */
      readonly model: Place | null;
      /** What is merged into it; not read where `model` is `null`. */
      readonly lora: LoraChoice | null;
      readonly vocabulary: VocabularyChoice;
      /** `null`: what a packed file was made for, else `'q8'`. */
      readonly quantization: Quantization | null;
      readonly build: Build | 'auto';
      readonly threads: number | 'auto';
      readonly device: ComputeDevice | 'auto';
      /** Which are used whatever their speed; `null`: the fastest, which is found out as it goes. */
      readonly kernels: string | null;
      /** What was the fastest in models of this build before. */
      readonly fastKernels: readonly string[];
      /** Bytes that states of prompts that were read before may take. */
      readonly prefixCache: number;
      readonly wasmUrl: WasmUrl;
    };
    reply: Told<ModelInfo> | null;
  };
  /** Brings the model that a load was told arrives; `null`: it has to be fetched after all. */
  arrive: { request: { readonly pieces: readonly Uint8Array<ArrayBuffer>[] | null }; reply: undefined };
  inspect: {
    request: { readonly model: Place; readonly build: Build | 'auto'; readonly wasmUrl: WasmUrl };
    reply: Told<ModelFile>;
  };
  /** The names of the files that the index of a model lists. */
  readIndex: { request: { readonly index: Place }; reply: readonly string[] };
  /** Begins to make a packed file; answers how many bytes it will have. */
  convert: {
    request: {
      readonly model: Place;
      readonly quantization: Quantization | null;
      /** What it recommends; `null`: what the file does. */
      readonly sampling: string | null;
      readonly build: Build | 'auto';
      readonly wasmUrl: WasmUrl;
    };
    reply: number;
  };
  /**
   * Brings a file of the network onto the first shelf that can be written, and goes on where an earlier try ended;
   * `null`: none can. Nobody else may write under the key meanwhile.
   */
  download: {
    request: Remote & {
      readonly name: string;
      readonly key: string;
      readonly sha256: string | null;
      readonly shelves: readonly ShelfPlace[];
    };
    reply: StoredPlace | null;
  };
  /** Whether a stored file has this SHA-256, which is then written down. */
  verify: { request: StoredPlace & { readonly name: string; readonly sha256: string }; reply: boolean };
  /** Makes a packed file of a stored one, in its place. Nobody else may write under the keys meanwhile. */
  pack: {
    request: {
      readonly model: StoredPlace & { readonly name: string };
      readonly key: string;
      readonly quantization: Quantization | null;
      readonly build: Build | 'auto';
      readonly wasmUrl: WasmUrl;
    };
    reply: StoredPlace;
  };
  /** The next piece of the packed file; `null` behind the last. */
  nextPiece: { request: Record<never, never>; reply: Uint8Array<ArrayBuffer> | null };
  tokenize: { request: { readonly text: string }; reply: Int32Array };
  detokenize: { request: { readonly tokens: Int32Array<ArrayBuffer> }; reply: string };
  /**
   * `state`: the file of the state to start from, or a saved session, which goes on with its own chance unless `isSeeded`;
   * `null`: the model's own.
   */
  createSession: {
    request: { readonly seed: number; readonly isSeeded: boolean; readonly state: Place | null };
    reply: number;
  };
  /** The bytes of all tokens, one after the other, and where each ends. Needs a tokenizer. */
  tokenBytes: {
    request: Record<never, never>;
    reply: { readonly bytes: Uint8Array; readonly ends: Int32Array };
  };
  /**
   * The ids (T) of a text and their log probabilities after all before them, from the state that the session started from, which reads
   * `before` first, at least a token; the session is not touched and may be at something else.
   * `scores` (T, 1 + 2 K): of each token, then id and log probability of the K likeliest in its place.
   */
  score: {
    request: {
      readonly session: number;
      readonly before: Prompt;
      readonly prompt: Prompt;
      readonly topLogprobs: number;
    };
    reply: { readonly tokens: Int32Array; readonly scores: Float32Array<ArrayBuffer> };
  };
  /** The mean (C) of a text's hidden states, from a fresh state. */
  embed: { request: { readonly prompt: Prompt }; reply: Float32Array<ArrayBuffer> };
  /** A copy; answers its number. */
  fork: { request: { readonly session: number }; reply: number };
  /** The session as bytes (src/session/saved_session.md). */
  save: { request: { readonly session: number; readonly asHalves: boolean }; reply: Uint8Array<ArrayBuffer> };
  /** Back to before the first token. */
  reset: { request: { readonly session: number }; reply: undefined };
  /**
   * Back to before the last `append` or `begin`; `false`: there was none since the last such step back. `call`: only where
   * it was the `begin` of this number, which may have been refused before anybody heard of it.
   */
  rewind: { request: { readonly session: number; readonly call: number | null }; reply: boolean };
  /** Reads the prompt; answers when all of it is read. */
  append: { request: { readonly session: number; readonly prompt: Prompt }; reply: ReadCounts };
  /**
   * As `append`, to generate after it: an empty prompt on a fresh session starts from token 0. `border` comes before a text
   * where the session has read something already. `call` numbers those of a session.
   */
  begin: {
    request: {
      readonly session: number;
      readonly call: number;
      readonly prompt: Prompt;
      readonly border: string;
      readonly drawing: Drawing;
    };
    reply: ReadCounts;
  };
  /**
   * Draws one token, of those whose bits are set in `allowed` (`null`: of all) or the only one that may come, and begins to read it, unless it is token 0.
   * `isDelivered` says whether all text so far is, and keeps what `goBack` needs; `null`: there will be no `goBack`.
   */
  next: {
    request: {
      readonly session: number;
      readonly allowed: Allowed | Forced | null;
      readonly isDelivered: boolean | null;
    };
    reply: Step;
  };
  /** Back to where the text since `begin` was `text`, which is the beginning of what it is now. */
  goBack: { request: { readonly session: number; readonly text: string }; reply: undefined };
  /** The logits (V) of the next token. */
  logits: { request: { readonly session: number }; reply: Float32Array };
  /**
   * Stops reading. The unread rest stays and is read by the next call. A call that waits for it is never answered: who
   * pauses a session has given that call up.
   */
  pause: { request: { readonly session: number }; reply: undefined };
  disposeSession: { request: { readonly session: number }; reply: undefined };
  /**
   * Begins to teach the model, one tuning at a time. `'full'` changes the weights that sessions of the model compute with, and reads the
   * model's file again. Throws `unsupported` where the model's build cannot learn.
   */
  beginTuning: { request: { readonly learning: Learning }; reply: undefined };
  /** Takes a document to learn from, or to foretell without learning; answers how many tokens it has. */
  addDocument: {
    request: { readonly parts: readonly DocumentPart[]; readonly isValidation: boolean };
    reply: number;
  };
  /** Takes all memory, once there are all documents, and goes on from a checkpoint. */
  planTuning: { request: { readonly checkpoint: Place | null }; reply: TuningPlan };
  /** Makes a step, sessions having their turns meanwhile; `null`: all are made. Where it fails what was learned stays as it was before. */
  nextStep: { request: Record<never, never>; reply: TuneStep | null };
  /** What was learned so far as a file. */
  tuned: {
    request: { readonly format: 'safetensors' | 'pth' };
    reply: Uint8Array<ArrayBuffer>;
  };
  /** A checkpoint, from which the steps that are left give the same bits. */
  saveTuning: { request: Record<never, never>; reply: Uint8Array<ArrayBuffer> };
  /** Gives the memory back. A `nextStep` under way rejects with `disposed`. */
  endTuning: { request: Record<never, never>; reply: undefined };
  /** Makes a model of random weights as a file. Throws `unsupported` where the worker's modules cannot learn. */
  newModel: {
    request: NewModel & { readonly format: 'safetensors' | 'pth'; readonly wasmUrl: WasmUrl };
    reply: Uint8Array<ArrayBuffer>;
  };
  /** Takes a text that a vocabulary is made for. */
  addVocabularyText: { request: { readonly text: string }; reply: undefined };
  /** The vocabulary of all these texts as a file of the World form, with so many ids. */
  makeVocabulary: { request: { readonly size: number }; reply: string };
}

/** What a text must obey: a grammar in EBNF or a JSON schema as JSON. */
export interface Structure {
  readonly option: 'grammar' | 'jsonSchema';
  readonly text: string;
}

/** What comes before a text that is ruled: of a reply, which follows `Assistant:`, a blank; or a thought that the prompt has begun. */
export type Lead = 'nothing' | 'blank' | 'thought';

/** V bits: bit t % 32 of word t / 32 says whether token t may follow; token 0, whether the text may end. */
export type Allowed = Int32Array<ArrayBuffer>;

/** The only token that may come, not 0, and those that must come behind it. */
export interface Forced {
  readonly token: number;
  readonly rest: readonly number[];
}

/** What may come next: first the tokens that must, in this order, none of them 0, then one of those allowed. */
export interface Rule {
  readonly forced: readonly number[];
  readonly allowed: Allowed;
}

/** Every operation of the grammar engine's worker. Vocabularies and matchers are named by the numbers that it answers. */
export interface GrammarOperations {
  /**
   * Takes the tokens of a model with V logits: their bytes, one after the other, and where each ends. `areLongest`: its tokenizer takes the
   * longest token that fits.
   */
  addVocabulary: {
    request: {
      readonly bytes: Uint8Array;
      readonly ends: Int32Array;
      readonly size: number;
      readonly areLongest: boolean;
    };
    reply: number;
  };
  removeVocabulary: { request: { readonly vocabulary: number }; reply: undefined };
  /** Follows a text through its grammar, behind the tokens that it has already; none that is banned is forced. */
  startMatcher: {
    request: {
      readonly vocabulary: number;
      readonly structure: Structure;
      readonly lead: Lead;
      readonly accepted: Int32Array<ArrayBuffer>;
      readonly banned: readonly number[];
    };
    reply: Rule & {
      readonly matcher: number;
      /** What the grammar does not say well. */
      readonly warnings: readonly string[];
      /** That the engine takes now. */
      readonly bytes: number;
    };
  };
  /** Takes an allowed token, not 0. It has taken what it says is forced. */
  acceptToken: { request: { readonly matcher: number; readonly token: number }; reply: Rule };
  removeMatcher: { request: { readonly matcher: number }; reply: undefined };
}

/** The one table. */
export interface Operations extends ModelOperations, GrammarOperations {}

export type ModelOp = keyof ModelOperations;
export type GrammarOp = keyof GrammarOperations;
export type Op = keyof Operations;
export type Request<K extends Op> = Operations[K]['request'];
export type Reply<K extends Op> = Operations[K]['reply'];

/** The operations on a session. */
export type SessionOp = {
  [K in ModelOp]: Request<K> extends { readonly session: number } ? K : never;
}[ModelOp];

/** Page to worker. `id` is the page's number for the call. */
export type RequestMessage<K extends Op = Op> = {
  [P in K]: { readonly id: number; readonly op: P; readonly body: Request<P> };
}[K];

/** Worker to page: the answer to call `id`. */
export type ReplyMessage<K extends Op = Op> = {
  [P in K]: { readonly kind: 'reply'; readonly id: number; readonly op: P; readonly value: Reply<P> };
}[K];

/** Worker to page: call `id` failed; the worker goes on. */
export interface ErrorMessage {
  readonly kind: 'error';
  readonly id: number;
  readonly op: Op;
  readonly code: RwkvErrorCode;
  readonly message: string;
}

export type Progress = LoadProgress | ReadProgress;

/** Worker to page: call `id` is getting on: what reads a text by its tokens, all else by bytes. */
export interface ProgressMessage {
  readonly kind: 'progress';
  readonly id: number;
  readonly op: Op;
  readonly progress: Progress;
}

/** Worker to page: the worker can no longer be trusted with anything. */
export interface CrashMessage {
  readonly kind: 'crash';
  readonly reason: string;
}

/** Worker to page: these kernels turned out to be faster, and are in use from now on. */
export interface KernelsMessage {
  readonly kind: 'kernels';
  readonly kernels: string;
}

export type WorkerMessage<K extends Op = Op> =
  | ReplyMessage<K>
  | ErrorMessage
  | ProgressMessage
  | KernelsMessage
  | CrashMessage;

/** What a worker does for each operation. */
export type Handlers<Of extends Op> = {
  [K in Of]: (body: Request<K>, report: (progress: Progress) => void) => Reply<K> | Promise<Reply<K>>;
};
