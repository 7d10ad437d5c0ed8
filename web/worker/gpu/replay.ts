// Runs lists of operations (src/recording) on a device: a list becomes a plan once, and a pass is one submission.
import type { Device } from './device.js';
import { operationWords } from './operations.js';
import { Pipelines } from './pipelines.js';
import { makePlan, type Plan, programBytes } from './plan.js';
import { States } from './states.js';
import { usage } from './usage.js';
import type { Weights } from './weights.js';

export interface ReplayOptions {
  /** Whether operations share dispatches: true by default. Alone they compute the same. */
  readonly fuses?: boolean;
  /** Whether programs do with what every device has: false by default. They compute the same within rounding. */
  readonly isPlain?: boolean;
}

export class Replay {
  readonly weights: Weights;
  readonly states: States;
  readonly #device: Device;
  readonly #options: Parameters<typeof makePlan>[3];
  readonly #plans = new Map<string, Promise<Plan>>();
  #scratch: GPUBuffer;
  #tables: GPUBuffer;

  /** `stateFloats`: of a state. @throws RwkvError as `Device.make` */
  static open(
    device: Device,
    weights: Weights,
    stateFloats: number,
    options: ReplayOptions = {},
  ): Promise<Replay> {
    return device.make('a state', () => new Replay(device, weights, stateFloats, options));
  }

  private constructor(
    device: Device,
    weights: Weights,
    stateFloats: number,
    { fuses = true, isPlain = false }: ReplayOptions,
  ) {
    this.#device = device;
    this.#options = { fuses, subgroups: !isPlain && device.gpu.features.has('subgroups') };
    this.weights = weights;
    this.states = new States(device, stateFloats);
    this.#scratch = this.#buffer(256, usage.storage | usage.copyFrom);
    this.#tables = this.#buffer(256, usage.storage | usage.copyTo);
  }

  /** How many dispatches a list takes. */
  async dispatches(list: Uint32Array): Promise<number> {
    return (await this.#planOf(list)).dispatches.length;
  }

  /**
   * A pass: `tables` are S times {slot, first, count}, R tokens and the rows wanted. Gives logits (rows wanted, V), then hidden states
   * (R, C), as far as the list asks for them. States move on when it is begun.
   *
   * @throws RwkvError `out-of-memory`: nothing has moved; `device-failed`: nor will anything
   */
  async run(list: Uint32Array, tables: Uint32Array): Promise<Float32Array<ArrayBuffer>> {
    this.#device.check();
    const plan = await this.#planOf(list);
    const words = this.#tablesOf(plan, tables);
    await this.#makeRoom(plan, words);
    const { gpu } = this.#device;
    gpu.queue.writeBuffer(this.#tables, 0, words);
    const commands = gpu.createCommandEncoder();
    const pass = commands.beginComputePass();
    const groups = this.weights.buffers.map((matrices) => this.#bind(plan, matrices));
    for (const { pipeline, workgroups, matrices, offset } of plan.dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, groups[matrices] ?? null, [offset]);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    const results = [plan.logits, plan.hidden].flatMap((result) => result ?? []);
    return this.#device.read(
      commands,
      results.map((result) => ({ buffer: this.#scratch, ...result })),
    );
  }

  #planOf(list: Uint32Array): Promise<Plan> {
    const key = list.slice(0, operationWords).join();
    let plan = this.#plans.get(key);
    if (!plan) {
      plan = makePlan(list, this.#device, this.weights, this.#options);
      this.#plans.set(key, plan);
      plan.catch(() => this.#plans.delete(key));
    }
    return plan;
  }

  // As kernels/bindings.wgsl reads them.
  #tablesOf({ rows, sequences, wanted }: Plan, tables: Uint32Array): Uint32Array<ArrayBuffer> {
    const expected = 3 * sequences + rows + wanted;
    if (tables.length !== expected) throw new Error(`tables of ${tables.length} words; expected ${expected}`);
    const words = new Uint32Array(4 + expected + rows);
    words.set([sequences, rows, wanted, this.states.slotFloats]);
    words.set(tables, 4);
    for (let s = 0; s < sequences; s++) {
      const [, first = 0, count = 0] = tables.slice(3 * s, 3 * s + 3);
      words.fill(s, 4 + expected + first, 4 + expected + first + count);
    }
    return words;
  }

  async #makeRoom({ scratchFloats }: Plan, words: Uint32Array): Promise<void> {
    const most = Math.min(
      this.#device.gpu.limits.maxStorageBufferBindingSize,
      this.#device.gpu.limits.maxBufferSize,
    );
    const roomFor = async (buffer: GPUBuffer, bytes: number, what: string) => {
      if (buffer.size >= bytes) return buffer;
      const size = Math.min(Math.ceil((1.5 * bytes) / 256) * 256, Math.max(most, bytes));
      const larger = await this.#device.make(what, () => this.#buffer(size, buffer.usage));
      buffer.destroy();
      return larger;
    };
    this.#scratch = await roomFor(this.#scratch, 4 * scratchFloats, 'what a pass keeps in between');
    this.#tables = await roomFor(this.#tables, words.byteLength, 'the tables of a pass');
  }

  #bind({ programs }: Plan, matrices: GPUBuffer): GPUBindGroup {
    const buffers = [this.#scratch, this.states.buffer, this.#tables, this.weights.vectors, matrices];
    const resources = [...buffers.map((buffer) => ({ buffer })), { buffer: programs, size: programBytes }];
    return this.#device.gpu.createBindGroup({
      layout: Pipelines.of(this.#device).layout,
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
  }

  #buffer(size: number, bits: number): GPUBuffer {
    return this.#device.gpu.createBuffer({ size, usage: bits });
  }

  destroy(): void {
    for (const plan of this.#plans.values()) void plan.then(({ programs }) => programs.destroy());
    this.weights.destroy();
    this.states.destroy();
    for (const buffer of [this.#scratch, this.#tables]) buffer.destroy();
  }
}
