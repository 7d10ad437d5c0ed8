// A graphics processor through WebGPU, and what becomes of its failures: errors with a code, and no call that waits for ever.
import { RwkvError, sentence } from '../../shared/errors.js';
import { mapRead, usage } from './usage.js';

/** Storage buffers that a program sees: scratch, states, tables, vectors, matrices or a table. */
const storageBuffers = 5;
/** What programs are quicker with, where the adapter has it. */
const quick = ['subgroups'] as const;

export class Device {
  readonly gpu: GPUDevice;
  /** Whether it is but a program of this processor. */
  readonly isSoftware: boolean;
  /** Rejects when the device is lost or has failed, and never resolves. */
  readonly #failed: Promise<never>;
  #failure: RwkvError | undefined;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(gpu: GPUDevice, isSoftware: boolean) {
    this.gpu = gpu;
    this.isSoftware = isSoftware;
    this.#failed = new Promise((_, reject) => {
      const fail = (error: RwkvError) => {
        this.#failure ??= error;
        reject(this.#failure);
      };
      void gpu.lost.then(({ reason, message }) =>
        fail(
          new RwkvError(
            reason === 'destroyed' ? 'disposed' : 'device-failed',
            `the device is lost: ${message}`,
          ),
        ),
      );
      gpu.addEventListener('uncapturederror', ({ error }) => fail(failureOf(error, 'a pass')));
    });
    this.#failed.catch(() => {}); // told to whoever waits
  }

  /** @throws RwkvError once the device is lost or has failed */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** What `promise` gives, unless the device fails first. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    this.#underWay.add(promise);
    const done = () => this.#underWay.delete(promise);
    promise.then(done, done);
    try {
      return await Promise.race([promise, this.#failed]);
    } catch (thrown) {
      this.check();
      throw thrown;
    }
  }

  /** Makes things on the device. @throws RwkvError `out-of-memory`, `device-failed`; the device stays usable */
  async make<T>(what: string, work: () => T | Promise<T>): Promise<T> {
    this.check();
    const filters = ['internal', 'validation', 'out-of-memory'] as const;
    for (const filter of filters) this.gpu.pushErrorScope(filter);
    const begun = (async () => work())().then(
      (value) => ({ value }),
      (thrown: unknown) => ({ thrown }),
    );
    const errors = filters.map(() => this.gpu.popErrorScope());
    const made = await this.settled(begun);
    for (const error of await this.settled(Promise.all(errors))) if (error) throw failureOf(error, what);
    if ('value' in made) return made.value;
    if (made.thrown instanceof RwkvError) throw made.thrown;
    throw new RwkvError('device-failed', `${what}: ${sentence(made.thrown)}`, { cause: made.thrown });
  }

  /** Floats of buffers, one range after the other, as they stand behind all that was submitted and these commands. */
  async read(commands: GPUCommandEncoder, ranges: readonly Range[]): Promise<Float32Array<ArrayBuffer>> {
    const total = ranges.reduce((sum, { floats }) => sum + floats, 0);
    const staging = this.gpu.createBuffer({ size: Math.max(4 * total, 4), usage: usage.read | usage.copyTo });
    try {
      let at = 0;
      for (const { buffer, first, floats } of ranges) {
        commands.copyBufferToBuffer(buffer, 4 * first, staging, 4 * at, 4 * floats);
        at += floats;
      }
      this.gpu.queue.submit([commands.finish()]);
      await this.settled(staging.mapAsync(mapRead));
      return new Float32Array(staging.getMappedRange().slice(0)).subarray(0, total);
    } finally {
      staging.destroy();
    }
  }

  /** Gives all back; resolves when nothing is under way on it. */
  readonly destroy = async (): Promise<void> => {
    this.gpu.destroy();
    await Promise.allSettled(this.#underWay);
  };
}

export interface Range {
  readonly buffer: GPUBuffer;
  readonly first: number;
  readonly floats: number;
}

function failureOf(error: GPUError, what: string): RwkvError {
  const isMemory = error.constructor.name === 'GPUOutOfMemoryError';
  return isMemory
    ? new RwkvError('out-of-memory', `the device has no memory for ${what}: ${error.message}`)
    : new RwkvError('device-failed', `${what}: ${error.message}`);
}

/** A device with all that its adapter binds. @throws RwkvError `unsupported`, with the reason */
export async function openDevice(gpu: GPU): Promise<Device> {
  const asked = gpu.requestAdapter({ powerPreference: 'high-performance' });
  const adapter = await asked.catch((cause: unknown) => {
    throw new RwkvError('unsupported', `WebGPU: no adapter: ${sentence(cause)}`, { cause });
  });
  if (!adapter) throw new RwkvError('unsupported', 'WebGPU: the browser or system has no adapter');
  const {
    maxBufferSize,
    maxStorageBufferBindingSize,
    maxStorageBuffersPerShaderStage: most,
  } = adapter.limits;
  if (most < storageBuffers)
    throw new RwkvError(
      'unsupported',
      `WebGPU: the adapter binds ${most} buffers; expected ${storageBuffers}`,
    );
  const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize };
  const requiredFeatures = quick.filter((feature) => adapter.features.has(feature));
  try {
    const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
    return new Device(device, adapter.info.isFallbackAdapter);
  } catch (thrown) {
    throw new RwkvError('unsupported', `WebGPU: no device: ${sentence(thrown)}`, { cause: thrown });
  }
}
