// Voices: states that texts start from, learned in the Teach tab or brought along as files.
import { computed, signal } from '@preact/signals';
import { del, set, values } from 'idb-keyval';
import type { Model, Session } from 'rwkv-wasm';
import { voiceShelf } from '../documents/shelves.js';
import { fail, model, modelName, tell } from '../models/loaded.js';
import { newId } from '../write/draft.js';

export interface Voice {
  readonly id: string;
  readonly name: string;
  /** The name of the model that it is of. */
  readonly model: string;
  /** The state, as a file of safetensors or of PyTorch. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** ms since 1970. */
  readonly madeAt: number;
}

/** Oldest first. */
export const voices = signal<readonly Voice[]>([]);
/** The one that writes and chats; `undefined`: the model's own. */
export const voice = signal<Voice | undefined>(undefined);
/** Those of the model that is loaded. */
export const fitting = computed(() => voices.value.filter((one) => one.model === modelName.value));

const key = 'voice';

model.subscribe((writer) => {
  if (voice.peek()?.model !== modelName.peek()) voice.value = undefined;
  if (writer) void refreshVoices();
});

/** A session that speaks with the voice that was chosen. */
export function openSession(writer: Model): Promise<Session> {
  const chosen = voice.peek();
  return writer.createSession(chosen ? { state: chosen.bytes } : {});
}

/** Looks what there is; the voice of the last time speaks again. */
export async function refreshVoices(): Promise<void> {
  const found = await values<Voice>(voiceShelf).catch(() => []); // a browser that keeps nothing
  voices.value = found.sort((a, b) => a.madeAt - b.madeAt);
  const last = fitting.value.find(({ id }) => id === remembered());
  if (!voice.value && last) voice.value = last;
}

export function choose(id: string): void {
  voice.value = fitting.value.find((one) => one.id === id);
  try {
    localStorage.setItem(key, voice.value?.id ?? '');
  } catch {
    // Where nothing may be kept, the choice lasts as long as the page.
  }
}

/** Keeps a state under a name, of the model that is loaded, which must take it. Tells whether it did. */
export async function keep(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const writer = model.value;
  if (!writer) return false;
  try {
    const session = await writer.createSession({ state: new File([bytes], name) }); // errors name it
    void session.dispose();
    const made = { id: newId(), name, model: modelName.value, bytes, madeAt: Date.now() };
    await set(made.id, made, voiceShelf);
    await refreshVoices();
    choose(made.id);
    tell(`${name} writes and chats from now on.`);
    return true;
  } catch (error) {
    fail(error);
    return false;
  }
}

export async function forgetVoice(gone: Voice): Promise<void> {
  try {
    await del(gone.id, voiceShelf);
    if (voice.value?.id === gone.id) choose('');
    await refreshVoices();
    tell(`Deleted ${gone.name}.`, () => void bringBack(gone));
  } catch (error) {
    fail(error);
  }
}

async function bringBack(gone: Voice): Promise<void> {
  try {
    await set(gone.id, gone, voiceShelf);
    await refreshVoices();
    tell(`${gone.name} is back.`);
  } catch (error) {
    fail(error);
  }
}

function remembered(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
