// The module for devices with an interpreter in the place of a device, and the module of this processor beside it.
import { readFileSync } from 'node:fs';
import type { Quantization } from '../../../dist/shared/types.js';
import type {
  GpuLoading,
  GpuModel,
  GpuModule,
  GpuPass,
  GpuReading,
} from '../../../dist/worker/gpu/module.js';
import {
  allLayers,
  type Factory,
  unwrap,
  type WasmModel,
  type WasmModule,
  type WasmSession,
  type WasmSource,
} from '../../../dist/worker/module.js';
import { Interpreter } from './interpreter.js';

const wasm = Reflect.get(globalThis, 'WebAssembly'); // of which the types of Node 20 know little
const folder = new URL('../../../dist/wasm/', import.meta.url);

async function start<Module>(name: string): Promise<Module> {
  const glue: { readonly default: Factory<Module> } = await import(new URL(`${name}.mjs`, folder).href);
  const module = await wasm.compile(readFileSync(new URL(`${name}.wasm`, folder)));
  return glue.default({
    instantiateWasm(imports, receive) {
      receive(new wasm.Instance(module, imports), module);
      return {};
    },
  });
}

export const startGpu = () => start<GpuModule>('rwkv-gpu');
export const startProcessor = () => start<WasmModule>('rwkv-baseline');

/** A file in memory. `fails`: what reading says from that many reads on. */
export function sourceOf(name: string, bytes: Uint8Array, failsAfter = Number.POSITIVE_INFINITY): WasmSource {
  let reads = 0;
  return {
    name,
    size: bytes.length,
    read(offset, into) {
      if (reads++ >= failsAfter) return 'the cable is out';
      into.set(bytes.subarray(offset, offset + into.length));
      return '';
    },
  };
}

export function startLoading(
  module: GpuModule,
  source: WasmSource,
  quantization: Quantization | null = 'f32',
) {
  return unwrap(module.startLoading(source, null, null, quantization, null, [], () => {}, allLayers));
}

export function loadHere(
  module: WasmModule,
  source: WasmSource,
  quantization: Quantization = 'f32',
): WasmModel {
  const loading = unwrap(
    module.startLoading(source, null, null, quantization, null, [], () => {}, allLayers),
  );
  for (let model = unwrap(loading.next()); ; model = unwrap(loading.next())) if (model) return model;
}

export function logitsOf(session: WasmSession): Float32Array {
  const logits = unwrap(session.logits());
  if (!logits) throw new Error('no logits');
  return logits;
}

/** All weights, in pieces. */
export function takeWeights(loading: GpuLoading): Uint8Array<ArrayBuffer>[] {
  const content: Uint8Array<ArrayBuffer>[] = [];
  for (let more = true; more; ) {
    more = unwrap(loading.next());
    const piece = unwrap(loading.piece());
    if (!piece) continue;
    content[piece.id] ??= new Uint8Array(loading.weights()[piece.id]?.bytes ?? 0);
    content[piece.id]?.set(piece.bytes, piece.offset);
  }
  return content;
}

/** A model and its device. */
export class Device {
  readonly module: GpuModule;
  readonly model: GpuModel;
  readonly interpreter: Interpreter;
  readonly #lists = new Map<string, Uint32Array>();

  constructor(module: GpuModule, source: WasmSource) {
    this.module = module;
    const loading = startLoading(module, source);
    const content = takeWeights(loading);
    this.interpreter = new Interpreter(module, loading.weights(), content);
    this.model = loading.finish();
    loading.delete();
  }

  /** Lists that were recorded. */
  get lists() {
    return this.#lists.size;
  }

  make(pass: GpuPass) {
    const { rows, sequences, wanted, wantsHidden } = pass.shape();
    const shape = [rows, sequences, wanted, wantsHidden].join();
    const list =
      this.#lists.get(shape) ??
      unwrap(this.module.record(this.model, rows, sequences, wanted, wantsHidden, 0));
    this.#lists.set(shape, list);
    this.interpreter.run(pass, list);
  }

  /** Reads all that is pending, each session at most so many tokens a pass. */
  read(sessions: readonly WasmSession[], most = 32) {
    for (;;) {
      const pass = unwrap(
        this.module.startPass(
          sessions,
          Int32Array.from(sessions, () => most),
        ),
      );
      if (!pass) return;
      this.make(pass);
    }
  }

  numbers(reading: GpuReading): Float32Array {
    for (let pass = unwrap(reading.start()); pass; pass = unwrap(reading.start())) this.make(pass);
    const numbers = unwrap(reading.numbers());
    reading.delete();
    if (!numbers) throw new Error('a text that is read tells nothing');
    return numbers;
  }

  /** Brings a session's state here. */
  download(session: WasmSession) {
    this.interpreter.copySlots();
    const slot = this.module.slotOf(session);
    if (slot !== null) unwrap(this.module.arrive(session, Float32Array.from(this.interpreter.slot(slot))));
  }
}
