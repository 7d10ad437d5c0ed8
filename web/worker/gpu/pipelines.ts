// Compiled programs, each once however many dispatches use it. All see the same bindings (kernels/bindings.wgsl).
import type { Device } from './device.js';
import type { Dispatch } from './schedule.js';
import { type Features, type FormatOf, keyOf, shaderOf } from './shader.js';
import { compute } from './usage.js';

const bindings: readonly GPUBufferBindingLayout[] = [
  { type: 'storage' }, // scratch
  { type: 'storage' }, // states
  { type: 'read-only-storage' }, // tables
  { type: 'read-only-storage' }, // vectors
  { type: 'read-only-storage' }, // matrices or an embedding table
  { type: 'uniform', hasDynamicOffset: true }, // the program's arguments
];

const ofDevice = new WeakMap<Device, Pipelines>();

export class Pipelines {
  readonly layout: GPUBindGroupLayout;
  readonly #device: Device;
  readonly #layout: GPUPipelineLayout;
  readonly #compiled = new Map<string, Promise<GPUComputePipeline>>();

  /** Those of a device, which its models share. */
  static of(device: Device): Pipelines {
    let pipelines = ofDevice.get(device);
    if (!pipelines) {
      pipelines = new Pipelines(device);
      ofDevice.set(device, pipelines);
    }
    return pipelines;
  }

  private constructor(device: Device) {
    this.#device = device;
    this.layout = device.gpu.createBindGroupLayout({
      entries: bindings.map((buffer, binding) => ({ binding, visibility: compute, buffer })),
    });
    this.#layout = device.gpu.createPipelineLayout({ bindGroupLayouts: [this.layout] });
  }

  /** @throws RwkvError `device-failed` where the device does not take the program */
  get(dispatch: Dispatch, formatOf: FormatOf, features: Features): Promise<GPUComputePipeline> {
    const key = keyOf(dispatch, formatOf, features);
    let pipeline = this.#compiled.get(key);
    if (!pipeline) {
      pipeline = this.#device.make(`the program of ${key}`, () => {
        const module = this.#device.gpu.createShaderModule({
          code: shaderOf(dispatch, formatOf, features),
          label: key,
        });
        return this.#device.gpu.createComputePipelineAsync({
          layout: this.#layout,
          compute: { module, entryPoint: 'main' },
        });
      });
      this.#compiled.set(key, pipeline);
      pipeline.catch(() => this.#compiled.delete(key));
    }
    return pipeline;
  }
}
