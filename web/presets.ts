import type { GenerateOptions } from './options.js';

/** Sampling options that are known to suit RWKV models: `session.complete(prompt, { ...presets.chat })`. */
export const presets = {
  /** Of the authors' chat, ChatRWKV's API_DEMO_CHAT.py: steady, few repetitions. */
  chat: { temperature: 1, topP: 0.3, presencePenalty: 0.5, frequencyPenalty: 0.5, penaltyDecay: 0.996 },
  /** Of the authors' RWKV APP, "creative": more variety. */
  creative: { temperature: 1, topP: 0.6, presencePenalty: 2, frequencyPenalty: 0.2, penaltyDecay: 0.99 },
  /** Of the authors' RWKV APP, "conservative": near the likeliest text. */
  precise: { temperature: 0.4, topP: 0.4, presencePenalty: 1, frequencyPenalty: 0.1, penaltyDecay: 0.99 },
} as const satisfies Record<string, GenerateOptions>;
