// Whether the sessions of this package can chat: there is a tab for it only then.
import { signal } from '@preact/signals';
import type { GenerateOptions, Session } from 'rwkv-wasm';
import { model } from '../models/loaded.js';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}
export interface ChatOptions extends GenerateOptions {
  template?: 'world' | 'g1';
  think?: boolean | 'short' | 'long';
}
export interface Chatting {
  chat(messages: readonly ChatMessage[], options?: ChatOptions): AsyncIterable<string>;
}

export const canChat = signal(false);

export function isChatting(session: object): session is Session & Chatting {
  return 'chat' in session && typeof session.chat === 'function';
}

model.subscribe(async (writer) => {
  if (!writer || canChat.value) return;
  const session = await writer.createSession();
  canChat.value = isChatting(session);
  await session.dispose();
});
