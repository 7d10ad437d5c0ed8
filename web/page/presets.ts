import type { RecommendedSampling } from '../shared/types.js';

/** What a preset sets. */
export type Preset = Required<
  Pick<RecommendedSampling, 'temperature' | 'topP' | 'presencePenalty' | 'frequencyPenalty' | 'penaltyDecay'>
>;

const chat: Preset = {
  temperature: 1,
  topP: 0.3,
  presencePenalty: 0.5,
  frequencyPenalty: 0.5,
  penaltyDecay: 0.996,
};
const creative: Preset = {
  temperature: 1,
  topP: 0.6,
  presencePenalty: 2,
  frequencyPenalty: 0.2,
  penaltyDecay: 0.99,
};
const precise: Preset = {
  temperature: 0.4,
  topP: 0.4,
  presencePenalty: 1,
  frequencyPenalty: 0.1,
  penaltyDecay: 0.99,
};
const story: Preset = {
  temperature: 1,
  topP: 0.6,
  presencePenalty: 1,
  frequencyPenalty: 0.2,
  penaltyDecay: 0.99,
};

/** Sampling options that are known to suit RWKV models: `session.complete(prompt, { ...presets.chat })`. */
export const presets = {
  /** Of the authors' chat, ChatRWKV's API_DEMO_CHAT.py: steady, few repetitions. */
  chat,
  /** Of the authors' RWKV APP, "creative": more variety. */
  creative,
  /** Of the authors' RWKV APP, "conservative": near the likeliest text. */
  precise,
  /** For tales: of eight settings the one whose tales of the storyteller read best, and repeated least. */
  story,
} as const;
