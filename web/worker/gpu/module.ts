// What the module for devices exports (wasm/gpu.cpp): the core, which computes nothing here. It writes down what a device has to compute,
// and keeps the sessions.
import type { Quantization } from '../../shared/types.js';
import type { Factory, Result, WasmModel, WasmModule, WasmSession } from '../module.js';

/** One of the model's weights; its number is its place in the list of all. */
export interface GpuWeight {
  readonly kind: 'vector' | 'matrix' | 'embedding';
  /** Of a matrix the format of its packed groups (src/quant/); of an embedding, which lies row by row, F32, F16, BF16 or Q8_0; of a vector F32. */
  readonly dtype: Quantization | 'F32' | 'F16' | 'BF16' | 'Q8_0';
  /** Of a vector 1. */
  readonly rows: number;
  readonly cols: number;
  readonly bytes: number;
}

/** The content of weight number `id` from byte `offset` on: of a weight in order, each as long as the device cares to copy at once. */
export interface GpuPiece {
  readonly id: number;
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A model in the making, whose weights go to the device piece by piece. */
export interface GpuLoading {
  /** The memory that the weights will take on the device; `null`: as a packed file has them, else in q8. */
  bytes(quantization: Quantization | null): Result<number>;
  /** Reads the next part; whether there is another. */
  next(): Result<boolean>;
  /** All weights, from some `next` before the first piece on; none before. */
  weights(): readonly GpuWeight[];
  /** What the last `next` brought; `null`: nothing. */
  piece(): Result<GpuPiece | null>;
  /** The model. REQUIRES: `next` told that there is no other part. Once. */
  finish(): GpuModel;
  delete(): void;
}

/** A model, but for the weights. Its `info().stateBytes` are four for each float of a slot. */
export interface GpuModel extends Omit<WasmModel, 'score' | 'pool'> {
  score(session: WasmSession, tokens: Int32Array, top: number): Result<GpuReading>;
  pool(tokens: Int32Array): Result<GpuReading>;
}

/** A text that is being read for what it tells. */
export interface GpuReading {
  /** The pass that reads the next chunk; `null`: all is read. */
  start(): Result<GpuPass | null>;
  /** What the text tells; `null` before all is read. */
  numbers(): Result<Float32Array<ArrayBuffer> | null>;
  delete(): void;
}

/** What lists depend on. */
export interface PassShape {
  /** Tokens of all texts. */
  readonly rows: number;
  readonly sequences: number;
  /** Rows of logits. */
  readonly wanted: number;
  readonly wantsHidden: boolean;
}

/** A pass for the device to make. One at a time; its sessions or its reading outlive it and are left alone meanwhile. */
export interface GpuPass {
  shape(): PassShape;
  /** For each sequence { slot, first row, rows }, then the token of each row, then the wanted rows. */
  tables(): Result<Uint32Array<ArrayBuffer>>;
  /** What the device answered: logits (wanted, V), then, if they are wanted, hidden states (rows, C). All states have moved on. */
  finish(floats: Float32Array): Result<null>;
  /** Unless it is finished, nothing was read; a state that was in its slot alone is lost: `read-failed` from then on, until it is reset. */
  delete(): void;
}

/** A slot that the device has to fill before it reads slots again: from another, or with floats. */
export type SlotCopy =
  | { readonly to: number; readonly from: number; readonly floats: null }
  | { readonly to: number; readonly from: null; readonly floats: Float32Array<ArrayBuffer> };

/** The core of a worker that has a device. Files are inspected and converted by the others. */
export interface GpuModule
  extends Omit<WasmModule, 'startLoading' | 'inspect' | 'startConversion' | 'advance' | 'startTuning'> {
  /** As `WasmModule` has it; of kernels the device has its own, so that none can be asked for. */
  startLoading(...parameters: Parameters<WasmModule['startLoading']>): Result<GpuLoading>;
  /** The list of operations of a shape (operations.ts): a header { rows, sequences, wanted, floats of scratch memory, address of the logits, of the hidden states }, then operations. */
  record(
    model: GpuModel,
    rows: number,
    sequences: number,
    wanted: number,
    wantsHidden: boolean,
    /** So many alone, behind which the head comes; 0: all. */
    layers: number,
  ): Result<Uint32Array<ArrayBuffer>>;
  /** A pass in which each session reads so many of the tokens that it has pending, at most a chunk; `null`: nothing is pending. */
  startPass(sessions: readonly WasmSession[], most: Int32Array): Result<GpuPass | null>;
  /** What is to be copied, in this order, before a pass that was started and before slots are read; `null`: nothing more. */
  nextCopy(): Result<SlotCopy | null>;
  /** All slots are below. */
  slotCount(): number;
  /** Where the session's state lies, if it lies on the device alone: `save` needs it here. */
  slotOf(session: WasmSession): number | null;
  /** What the slot holds: the state is here too then. */
  arrive(session: WasmSession, floats: Float32Array): Result<null>;
}

/** The module's glue. */
export type GpuFactory = Factory<GpuModule>;
