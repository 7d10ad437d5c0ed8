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
  /** The pass before the next: the core has one at a time. */
  #last: Promise<unknown> = Promise.resolve();

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

  /** A pass in which each session reads so many of its pending tokens, through all layers or so many; whether there were any. */
  advance(sessions: readonly WasmSession[], most: Int32Array, layers = 0): Promise<boolean> {
    return this.#alone(() => this.#make(this.#module.startPass(sessions, most), layers));
  }

  /** Reads the next chunk of a text for what it tells: that behind the last, `null` before. */
  next(reading: GpuReading): Promise<Float32Array<ArrayBuffer> | null> {
    return this.#alone(async () => {
      await this.#make(reading.start());
      return unwrap(reading.numbers());
    });
  }

  /** Brings the session's state here, for `save`; undefined where it is here. */
  bringHome(session: WasmSession): Promise<void> | undefined {
    if (this.#module.slotOf(session) === null) return undefined;
    return this.#alone(async () => {
      await this.#copySlots();
      const slot = this.#module.slotOf(session);
      if (slot !== null) unwrap(this.#module.arrive(session, await this.#replay.states.download(slot)));
    });
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const made = this.#last.then(work, work);
    this.#last = made;
    return made;
  }

  /** What a pass of so many sessions with a row each takes. */
  dispatches(sessions: number): Promise<number> {
    return this.#replay.dispatches(this.#listOf(sessions, sessions, sessions, false, 0));
  }

  async #make(started: Result<GpuPass | null>, layers = 0): Promise<boolean> {
    const pass = unwrap(started);
    if (!pass) return false;
    try {
      await this.#copySlots();
      const { rows, sequences, wanted, wantsHidden } = pass.shape();
      const list = this.#listOf(rows, sequences, wanted, wantsHidden, layers);
      unwrap(pass.finish(await this.#replay.run(list, unwrap(pass.tables()))));
      return true;
    } finally {
      pass.delete();
    }
  }

  #listOf(...shape: [rows: number, sequences: number, wanted: number, hidden: boolean, layers: number]) {
    const key = shape.join();
    const list = this.#lists.get(key) ?? unwrap(this.#module.record(this.model, ...shape));
    this.#lists.set(key, list);
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
