// A model of the core whose passes a device makes: lists and tables go there, and logits come back.
import { type Result, unwrap, type WasmSession } from '../module.js';
import type { Device } from './device.js';
import type { GpuLoading, GpuModel, GpuModule, GpuPass, GpuReading } from './module.js';
import { Replay, type ReplayOptions } from './replay.js';
import { Weights } from './weights.js';

export class DevicePasses {
  readonly model: GpuModel;
  readonly #module: GpuModule;
  readonly #replay: Replay;
  readonly #lists = new Map<string, Uint32Array>();

  /** Reads the model, whose weights go to the device piece by piece. @throws RwkvError as the core, and as `Device.make` */
  static async load(
    device: Device,
    module: GpuModule,
    loading: GpuLoading,
    options: ReplayOptions & { readonly bufferBytes?: number } = {},
  ): Promise<DevicePasses> {
    let weights: Weights | undefined;
    try {
      for (let more = true; more; ) {
        more = unwrap(loading.next());
        const list = loading.weights();
        if (!weights && list.length > 0) weights = await Weights.open(device, list, options.bufferBytes);
        const piece = unwrap(loading.piece());
        if (piece) weights?.upload(piece.id, piece.offset, piece.bytes);
      }
      const model = loading.finish();
      if (!weights) throw new Error('a model without weights');
      const replay = await Replay.open(device, weights, model.info().stateBytes / 4, options);
      return new DevicePasses(module, model, replay);
    } catch (thrown) {
      weights?.destroy();
      throw thrown;
    }
  }

  private constructor(module: GpuModule, model: GpuModel, replay: Replay) {
    this.#module = module;
    this.model = model;
    this.#replay = replay;
  }

  /** A pass in which each session reads so many of its pending tokens; whether there were any. */
  async advance(sessions: readonly WasmSession[], most: Int32Array): Promise<boolean> {
    return this.#make(this.#module.startPass(sessions, most));
  }

  /** What a text tells that is read for it. */
  async read(reading: GpuReading): Promise<Float32Array<ArrayBuffer>> {
    while (await this.#make(reading.start()));
    const numbers = unwrap(reading.numbers());
    if (!numbers) throw new Error('a text that is read tells nothing');
    return numbers;
  }

  /** Brings the session's state here, for `save`. */
  async download(session: WasmSession): Promise<void> {
    await this.#copySlots();
    const slot = this.#module.slotOf(session);
    if (slot !== null) unwrap(this.#module.arrive(session, await this.#replay.states.download(slot)));
  }

  /** What a pass of so many sessions with a row each takes. */
  dispatches(sessions: number): Promise<number> {
    return this.#replay.dispatches(this.#listOf(sessions, sessions, sessions, false));
  }

  async #make(started: Result<GpuPass | null>): Promise<boolean> {
    const pass = unwrap(started);
    if (!pass) return false;
    try {
      await this.#copySlots();
      const { rows, sequences, wanted, wantsHidden } = pass.shape();
      const list = this.#listOf(rows, sequences, wanted, wantsHidden);
      unwrap(pass.finish(await this.#replay.run(list, unwrap(pass.tables()))));
    } finally {
      pass.delete();
    }
    return true;
  }

  #listOf(rows: number, sequences: number, wanted: number, wantsHidden: boolean): Uint32Array {
    const shape = [rows, sequences, wanted, wantsHidden].join();
    const list =
      this.#lists.get(shape) ?? unwrap(this.#module.record(this.model, rows, sequences, wanted, wantsHidden));
    this.#lists.set(shape, list);
    return list;
  }

  async #copySlots(): Promise<void> {
    const { states } = this.#replay;
    await states.reserve(this.#module.slotCount());
    for (let next = unwrap(this.#module.nextCopy()); next; next = unwrap(this.#module.nextCopy())) {
      if (next.from === null) states.upload(next.to, next.floats);
      else states.copy(next.from, next.to);
    }
  }

  destroy(): void {
    this.#replay.destroy();
    this.model.delete();
  }
}
