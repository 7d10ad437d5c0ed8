// What both doors offer besides `RWKV`.
export type { AssetOptions, GrammarAssetOptions } from './page/assets.js';
export { type KnownModel, knownModels } from './page/catalogue.js';
export type { ChatMessage, ChatText } from './page/chat/messages.js';
export { type SplitReply, splitThinking } from './page/chat/reply.js';
export type { ChatFormat, ChatOptions, ChatTemplate, ThinkMode } from './page/chat/template.js';
export { type RenderedChat, renderChat } from './page/chat/transcript.js';
export type { Completion, CompletionResult, FinishReason, PromptUsage } from './page/completion.js';
export type { GrammarEngine } from './page/grammar-engine.js';
export type { LearningEngine } from './page/learning-engine.js';
export type { Loop } from './page/loop.js';
export type { Model } from './page/model.js';
export type {
  ConvertOptions,
  DownloadOptions,
  GenerateOptions,
  InspectOptions,
  LoadOptions,
  LoraOptions,
  ReadOptions,
  SaveOptions,
  ScoreOptions,
  SessionOptions,
  StoreOptions,
} from './page/options.js';
export type { FileHandle, FileSource, ModelSource } from './page/places.js';
export { type Preset, presets } from './page/presets.js';
export type { Score, ScoredToken } from './page/score.js';
export type { Session } from './page/session.js';
export type { Store, StoredFile, StoreUsage } from './page/store.js';
export type {
  CheckpointOptions,
  TuneFormat,
  TuneMethod,
  TuneOptions,
  TuneTarget,
  TuneText,
  TuneTexts,
} from './page/tuning/options.js';
export type { TuneResult } from './page/tuning/result.js';
export type { Tuning } from './page/tuning/tuning.js';
export type { Vocabulary } from './page/vocabulary.js';
export { RwkvError, type RwkvErrorCode } from './shared/errors.js';
export type {
  Build,
  ComputeDevice,
  LoadProgress,
  ModelFile,
  ModelInfo,
  ModelShape,
  Quantization,
  ReadProgress,
  RecommendedSampling,
  Step,
  TokenizerKind,
  TokenLogprob,
  TuneStep,
  TuningPlan,
} from './shared/types.js';
export type { HubOptions } from './store/hub.js';
