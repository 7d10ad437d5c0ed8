import { onAbort } from '../../shared/aborts.js';

/** Several signals as one. */
export interface LinkedSignals {
  /** Aborts with the first of them. */
  readonly signal: AbortSignal;
  /** Aborts by itself. */
  abort(reason: unknown): void;
  /** Stops listening to them. */
  release(): void;
}

/** As AbortSignal.any, which not all supported browsers have; listens until it is released. */
export function link(...signals: readonly (AbortSignal | undefined)[]): LinkedSignals {
  const controller = new AbortController();
  const unhear = signals.map((signal) => {
    const abort = () => controller.abort(signal?.reason);
    if (signal?.aborted) abort();
    return onAbort(signal, abort);
  });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release: () => {
      for (const end of unhear) end();
    },
  };
}
