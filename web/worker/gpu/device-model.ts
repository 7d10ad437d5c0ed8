// A model on a graphics processor: whether there is one that computes it well, and what does so. It comes when it is asked for.
import { RwkvError } from '../../shared/errors.js';
import type { Request } from '../../shared/protocol.js';
import type { LoadProgress } from '../../shared/types.js';
import type { Computed, Computer, Reading } from '../computer.js';
import { allLayers, type Result, unwrap, type WasmSession } from '../module.js';
import type { PrefixCache } from '../prefix-cache.js';
import type { ModelFiles } from '../processor.js';
import { checkedLayers, isSlower, requireAgreement } from './check.js';
import { type Device, openDevice } from './device.js';
import type { GpuLoading, GpuModule, GpuReading, GpuWeight } from './module.js';
import { DevicePasses } from './passes.js';

/** What it is lent. */
export interface DeviceHost {
  /** WebGPU. Throws RwkvError `unsupported`, which says why there is none. */
  gpu(): Promise<GPU>;
  /** Node: what is to be done before the worker ends. */
  atEnd?(end: () => Promise<void>): void;
  /** The core for devices. Throws RwkvError as `startModule`. */
  startModule(): Promise<GpuModule>;
  /** As many layers of the model on this processor. */
  firstLayers(count: number): Promise<Computed>;
  report(progress: LoadProgress): void;
}

type Wishes = Pick<Request<'load'>, 'device' | 'quantization' | 'kernels'>;

/** What has come of it: the model, or why it is not there. */
export type OnDevice = Computed | string;

/** The model on a device. @throws RwkvError where the file or its vocabulary are no good */
export async function loadOnDevice(wishes: Wishes, files: ModelFiles, host: DeviceHost): Promise<OnDevice> {
  let device: Device | undefined;
  try {
    const opening = openDevice(await host.gpu());
    host.atEnd?.(async () => (await opening).destroy());
    device = await opening;
    if (wishes.device === 'auto' && device.isSoftware)
      throw new RwkvError('unsupported', 'the only adapter is a program of this processor');
    const module = await host.startModule();
    const loading = startLoading(module, wishes, files, host);
    try {
      return await load(wishes, device, module, loading, host);
    } finally {
      loading.delete();
    }
  } catch (thrown) {
    await device?.destroy();
    if (!(thrown instanceof RwkvError) || isOfFile(thrown)) throw thrown;
    return thrown.message;
  }
}

const isOfFile = ({ code }: RwkvError) => !['unsupported', 'out-of-memory', 'device-failed'].includes(code);

function startLoading(
  module: GpuModule,
  { quantization, kernels }: Wishes,
  { source, lora, vocabulary }: ModelFiles,
  { report }: DeviceHost,
): GpuLoading {
  const onProgress = (loaded: number, total: number) => report({ stage: 'load', loaded, total });
  return unwrap(
    module.startLoading(source, lora, vocabulary, quantization, kernels, [], onProgress, allLayers),
  );
}

async function load(
  wishes: Wishes,
  device: Device,
  module: GpuModule,
  loading: GpuLoading,
  host: DeviceHost,
): Promise<OnDevice> {
  const passes = await DevicePasses.load(device, module, loading);
  const here = await host.firstLayers(checkedLayers);
  try {
    await requireAgreement(passes, here);
    const isOpen = wishes.device === 'auto';
    if (isOpen && (await isSlower(passes, here, shareOf(passes, here, loading.weights()))))
      throw new RwkvError('unsupported', 'this processor is faster');
  } finally {
    here.model.delete();
  }
  return { model: passes.model, makeComputer: (prefixes) => computer(device, passes, prefixes) };
}

function shareOf(passes: DevicePasses, here: Computed, weights: readonly GpuWeight[]) {
  const tables = weights
    .filter(({ kind }) => kind === 'embedding')
    .reduce((sum, { bytes }) => sum + bytes, 0);
  return { all: passes.model.info().bytes - tables, checked: here.model.info().bytes - tables };
}

function computer(device: Device, passes: DevicePasses, prefixes: PrefixCache<WasmSession>): Computer {
  const reading = (begin: () => Result<GpuReading>): Reading => {
    const begun = prefixes.makeRoom(begin);
    return { next: () => passes.next(begun), delete: () => begun.delete() };
  };
  return {
    check: () => device.check(),
    advance: async (sessions, most) => void (await passes.advance(sessions, most)),
    score: (session, tokens, top) => reading(() => passes.model.score(session, tokens, top)),
    pool: (tokens) => reading(() => passes.model.pool(tokens)),
    bringHome: (session) => passes.bringHome(session),
  };
}
