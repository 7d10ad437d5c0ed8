// The model that writes, and how loading one is getting on.
import { signal } from '@preact/signals';
import { type LoadOptions, type LoadProgress, type Model, type ModelSource, RWKV } from 'rwkv-wasm';
import { sentence } from '../format.js';
import { build, threads } from '../settings/settings.js';

/** A load under way. */
export interface Loading {
  readonly name: string;
  readonly stage: LoadProgress['stage'];
  readonly loaded: number;
  readonly total: number | undefined;
  /** Bytes a second and seconds to go, once they can be told. */
  readonly rate: number | undefined;
  readonly left: number | undefined;
}

export const model = signal<Model | undefined>(undefined);
/** The name that people know the model by. */
export const modelName = signal('Storyteller');
export const loading = signal<Loading | undefined>(undefined);
/** What was told last, and whether it went wrong. */
export const notice = signal<{ readonly text: string; readonly isError: boolean }>({
  text: 'Loading the storyteller…',
  isError: false,
});

export function tell(text: string): void {
  notice.value = { text, isError: false };
}
export function fail(error: unknown): void {
  notice.value = { text: sentence(error), isError: true };
}

let controller: AbortController | undefined;

/** Ends the load under way. What the store has of the file stays, and loading it again goes on from there. */
export function pauseLoading(): void {
  controller?.abort();
}

/** Loads a model beside the one that writes, which it takes the place of when it is ready. Tells whether it came. */
export async function load(
  name: string,
  source: ModelSource | undefined,
  options: LoadOptions = {},
): Promise<boolean> {
  controller?.abort();
  const own = new AbortController();
  controller = own;
  loading.value = { name, stage: 'load', loaded: 0, total: undefined, rate: undefined, left: undefined };
  try {
    const next = await RWKV.load(source, {
      threads: threads.value,
      build: build.value,
      ...options,
      signal: own.signal,
      onProgress: ({ stage, loaded, total, bytesPerSecond: rate, secondsLeft: left }) => {
        if (controller === own) loading.value = { name, stage, loaded, total, rate, left };
      },
    });
    const before = model.value;
    modelName.value = name;
    model.value = next;
    await before?.dispose();
    tell(next.info.warnings[0] ?? `${name} is ready.`);
    return true;
  } catch (error) {
    if (own.signal.aborted) tell(`${name} is paused.`);
    else fail(error);
    return false;
  } finally {
    if (controller === own) {
      controller = undefined;
      loading.value = undefined;
    }
  }
}
