// What the package asks of what teaches models, which is a thing of its own that an app imports or not.
import type { WorkerEvents, WorkerLike } from './client.js';

/** Teaches models: `learning` of `rwkv-wasm/learning`, for the option of that name of `RWKV.load`. */
export interface LearningEngine {
  /** @internal Starts a worker as `Host.spawn` does, whose modules learn. */
  spawn(events: WorkerEvents, workerUrl: URL | undefined): WorkerLike;
}
