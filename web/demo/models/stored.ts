// What the store of the package holds.
import { signal } from '@preact/signals';
import { type StoredFile, type StoreUsage, store } from 'rwkv-wasm';
import { fail } from './loaded.js';

export const storedFiles = signal<readonly StoredFile[]>([]);
export const usage = signal<StoreUsage | undefined>(undefined);

export async function refreshStored(): Promise<void> {
  try {
    [storedFiles.value, usage.value] = await Promise.all([store.list(), store.usage()]);
  } catch (error) {
    fail(error);
  }
}

export async function deleteStored({ url }: StoredFile): Promise<void> {
  try {
    await store.delete(url);
  } catch (error) {
    fail(error);
  }
  await refreshStored();
}
