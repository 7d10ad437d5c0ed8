// What the store of the package holds, where the package has one.
import { signal } from '@preact/signals';
import * as door from 'rwkv-wasm';
import { fail } from './loaded.js';

export interface StoredFile {
  readonly url: string;
  readonly name: string;
  readonly bytes: number;
  /** `false`: a download that was paused; loading it again goes on there. */
  readonly complete: boolean;
}
export interface StoreUsage {
  readonly bytes: number;
  readonly quota?: number;
}
interface Store {
  list(): Promise<readonly StoredFile[]>;
  delete(url: string): Promise<boolean>;
  usage(): Promise<StoreUsage>;
}

function isStore(value: unknown): value is Store {
  return typeof value === 'object' && value !== null && 'list' in value && 'usage' in value;
}

const found: unknown = new Map<string, unknown>(Object.entries(door)).get('store');
const store = isStore(found) ? found : undefined;

/** Whether downloads are kept. */
export const keepsFiles = store !== undefined;
export const storedFiles = signal<readonly StoredFile[]>([]);
export const usage = signal<StoreUsage | undefined>(undefined);

export async function refreshStored(): Promise<void> {
  if (!store) return;
  try {
    [storedFiles.value, usage.value] = await Promise.all([store.list(), store.usage()]);
  } catch (error) {
    fail(error);
  }
}

export async function deleteStored({ url }: StoredFile): Promise<void> {
  try {
    await store?.delete(url);
  } catch (error) {
    fail(error);
  }
  await refreshStored();
}
