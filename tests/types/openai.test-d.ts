// Chats as OpenAI's own package types them are taken as they are.
import type OpenAI from 'openai';
import { openai } from 'rwkv-wasm/openai';

type Chat = OpenAI.Chat.Completions.ChatCompletionCreateParamsNonStreaming;

export async function ask(chat: Chat): Promise<string | null | undefined> {
  const { choices } = await openai().chat.completions.create(chat);
  return choices[0]?.message.content;
}
