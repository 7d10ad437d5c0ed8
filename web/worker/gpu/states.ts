// States on the device, each in a slot of one buffer, in the kernels' own order (`state_index` in src/kernels/kernels.h).
import { RwkvError } from '../../shared/errors.js';
import type { Device } from './device.js';
import { usage } from './usage.js';

const alignment = 64; // floats

export class States {
  /** Floats from a slot to the next. */
  readonly slotFloats: number;
  readonly #device: Device;
  readonly #floats: number;
  #capacity = 0;
  #buffer: GPUBuffer;

  /** `floats`: of one state. */
  constructor(device: Device, floats: number) {
    this.#device = device;
    this.#floats = floats;
    this.slotFloats = Math.ceil(floats / alignment) * alignment;
    this.#capacity = 1;
    this.#buffer = this.#make(1);
  }

  get buffer(): GPUBuffer {
    return this.#buffer;
  }

  /** Room for the slots below `count`. @throws RwkvError `out-of-memory`; all is as it was */
  async reserve(count: number): Promise<void> {
    if (count > this.#capacity) await this.#grow(Math.max(count, 2 * this.#capacity));
  }

  copy(from: number, to: number): void {
    this.#device.check();
    if (from === to) return;
    const commands = this.#device.gpu.createCommandEncoder();
    const bytes = 4 * this.slotFloats;
    // A buffer cannot be copied into itself at once.
    const between = this.#device.gpu.createBuffer({ size: bytes, usage: usage.copyFrom | usage.copyTo });
    commands.copyBufferToBuffer(this.#buffer, from * bytes, between, 0, bytes);
    commands.copyBufferToBuffer(between, 0, this.#buffer, to * bytes, bytes);
    this.#device.gpu.queue.submit([commands.finish()]);
    between.destroy();
  }

  upload(slot: number, state: Float32Array): void {
    this.#device.check();
    if (state.length !== this.#floats)
      throw new Error(`a state of ${state.length} floats; expected ${this.#floats}`);
    this.#device.gpu.queue.writeBuffer(this.#buffer, 4 * slot * this.slotFloats, state.slice());
  }

  /** The state as it stands behind all passes that were begun. */
  async download(slot: number): Promise<Float32Array<ArrayBuffer>> {
    this.#device.check();
    const range = { buffer: this.#buffer, first: slot * this.slotFloats, floats: this.#floats };
    return this.#device.read(this.#device.gpu.createCommandEncoder(), [range]);
  }

  async #grow(slots: number): Promise<void> {
    const bytes = 4 * slots * this.slotFloats;
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.gpu.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (bytes > most)
      throw new RwkvError(
        'out-of-memory',
        `${slots} states take ${bytes} bytes; the device binds ${most} at most`,
      );
    const larger = await this.#device.make(`${slots} states`, () => this.#make(slots));
    const commands = this.#device.gpu.createCommandEncoder();
    commands.copyBufferToBuffer(this.#buffer, 0, larger, 0, this.#buffer.size);
    this.#device.gpu.queue.submit([commands.finish()]);
    this.#buffer.destroy();
    this.#buffer = larger;
    this.#capacity = slots;
  }

  #make(slots: number): GPUBuffer {
    const size = 4 * slots * this.slotFloats;
    return this.#device.gpu.createBuffer({ size, usage: usage.storage | usage.copyFrom | usage.copyTo });
  }

  destroy(): void {
    this.#buffer.destroy();
  }
}
