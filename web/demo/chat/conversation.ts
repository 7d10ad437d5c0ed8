// A conversation and the session that stands behind it: each turn reads only what was added.
import { signal } from '@preact/signals';
import type { ChatMessage, Session } from 'rwkv-wasm';
import { fail, model, modelName, tell } from '../models/loaded.js';
import { numbers, sampling } from '../settings/settings.js';
import { openSession, voice } from '../voices/voices.js';

/** A message of text alone. */
type Message = ChatMessage & { readonly content: string };

export const messages = signal<readonly Message[]>([]);
/** What the model is saying; `undefined` while it listens. */
export const reply = signal<string | undefined>(undefined);
export const think = signal(false);
export const system = signal('');

let session: Session | undefined;
let controller: AbortController | undefined;

model.subscribe(() => {
  controller?.abort();
  session = undefined;
});
voice.subscribe(() => {
  controller?.abort();
  void session?.dispose().catch(() => {}); // of a model that is gone already
  session = undefined;
});

export function hush(): void {
  controller?.abort();
}

export async function startAnew(): Promise<void> {
  hush();
  messages.value = [];
  await session?.dispose();
  session = undefined;
}

export async function say(content: string): Promise<void> {
  const writer = model.value;
  if (!writer || reply.value !== undefined || content.trim() === '') return;
  const own = new AbortController();
  controller = own;
  const isFirst = messages.value.length === 0;
  const added: Message[] = [{ role: 'user', content }];
  if (isFirst && system.value.trim() !== '') added.unshift({ role: 'system', content: system.value });
  messages.value = [...messages.value, { role: 'user', content }];
  reply.value = '';
  let said = '';
  try {
    if (!session) {
      session = await openSession(writer);
      if (!isFirst) added.splice(0, added.length, ...messages.value);
    }
    const options = { ...sampling(), maxTokens: numbers.length.value, signal: own.signal };
    let isDue = false;
    for await (const piece of session.chat(added, think.value ? { ...options, think: true } : options)) {
      said += piece;
      if (isDue) continue;
      isDue = true;
      requestAnimationFrame(() => {
        isDue = false;
        if (controller === own && reply.value !== undefined) reply.value = said;
      });
    }
  } catch (error) {
    if (!own.signal.aborted) fail(error);
  } finally {
    if (said === '' && !own.signal.aborted) tell(`${modelName.value} had nothing to say.`);
    if (said !== '') messages.value = [...messages.value, { role: 'assistant', content: said }];
    reply.value = undefined;
  }
}
