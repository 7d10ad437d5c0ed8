// Sessions are what Chrome's own types of the Prompt API call a `LanguageModel`.
/// <reference types="dom-chromium-ai" />
import { languageModel } from 'rwkv-wasm/prompt-api';

export async function create(): Promise<LanguageModel> {
  return languageModel().create({ temperature: 1, topK: 3 });
}
