// The model that writes, and how loading one is getting on.
import { signal } from '@preact/signals';
import {
  type LoadOptions,
  type LoadProgress,
  type Model,
  type ModelSource,
  RWKV,
  RwkvError,
} from 'rwkv-wasm';
import { sentence } from '../format.js';
import { build, device, recommend, threads } from '../settings/settings.js';

interface Origin {
  readonly source: ModelSource | undefined;
  readonly options: LoadOptions;
}

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
/** What it was loaded of, and how. */
export const origin = signal<Origin>({ source: undefined, options: {} });
export const loading = signal<Loading | undefined>(undefined);
/** What was told last, and whether it went wrong. */
export const notice = signal<Notice>({ text: 'Loading the storyteller…', isError: false });

interface Notice {
  readonly text: string;
  readonly isError: boolean;
  /** What takes it back. */
  readonly undo?: (() => void) | undefined;
}

export function tell(text: string, undo?: () => void): void {
  notice.value = { text, isError: false, undo };
}
export function fail(error: unknown): void {
  notice.value = { text: sentence(error), isError: true };
  if (!(error instanceof RwkvError) || error.code !== 'device-failed') return;
  const { source, options } = origin.value; // a processor is not lost
  void load(modelName.value, source, { ...options, device: 'cpu' });
}

/** What a task that can be paused hears and tells. */
export interface Hooks {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: LoadProgress) => void;
}

const tasks = new Map<'look' | 'load', AbortController>();

/** Ends what is under way. What the store has of a file stays, and asking for it again goes on from there. */
export function pause(): void {
  for (const controller of tasks.values()) controller.abort();
}

/** Looks into a file or loads it, in the place of what it did of that kind before; `undefined`: it was paused. */
export async function underWay<T>(
  kind: 'look' | 'load',
  name: string,
  work: (hooks: Hooks) => Promise<T>,
): Promise<T | undefined> {
  tasks.get(kind)?.abort();
  const own = new AbortController();
  const { signal } = own;
  tasks.set(kind, own);
  loading.value = { name, stage: 'load', loaded: 0, total: undefined, rate: undefined, left: undefined };
  try {
    return await work({
      signal,
      onProgress: ({ stage, loaded, total, bytesPerSecond: rate, secondsLeft: left }) => {
        if (!signal.aborted) loading.value = { name, stage, loaded, total, rate, left };
      },
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    tell(`${name} is paused.`);
    return undefined;
  } finally {
    if (tasks.get(kind) === own) tasks.delete(kind);
    if (tasks.size === 0) loading.value = undefined;
  }
}

/** Loads a model beside the one that writes, which it takes the place of when it is ready. Tells whether it came. */
export async function load(
  name: string,
  source: ModelSource | undefined,
  options: LoadOptions = {},
): Promise<boolean> {
  try {
    const choices = { threads: threads.value, build: build.value, device: device.value, ...options };
    const next = await underWay('load', name, (hooks) => RWKV.load(source, { ...choices, ...hooks }));
    if (!next) return false;
    const before = model.value;
    modelName.value = name;
    origin.value = { source, options: choices };
    model.value = next;
    recommend(next.info.sampling);
    await before?.dispose();
    tell(next.info.warnings[0] ?? `${name} is ready.`);
    return true;
  } catch (error) {
    fail(error);
    return false;
  }
}
