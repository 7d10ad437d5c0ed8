// What both doors offer besides `RWKV`.
export type { AssetOptions } from './assets.js';
export {
  type ChatFormat,
  type ChatMessage,
  type ChatOptions,
  type ChatTemplate,
  type ChatText,
  type RenderedChat,
  renderChat,
  type SplitReply,
  splitThinking,
  type ThinkMode,
} from './chat.js';
export type { Completion, CompletionResult, FinishReason, PromptUsage } from './completion.js';
export { RwkvError, type RwkvErrorCode } from './errors.js';
export type { Model } from './model.js';
export type {
  ConvertOptions,
  DownloadOptions,
  FileHandle,
  GenerateOptions,
  InspectOptions,
  LoadOptions,
  ModelSource,
  ReadOptions,
  SaveOptions,
  SessionOptions,
  StoreOptions,
} from './options.js';
export { type Preset, presets } from './presets.js';
export type {
  Build,
  LoadProgress,
  ModelFile,
  ModelInfo,
  ModelShape,
  Quantization,
  Step,
  TokenizerKind,
  TokenLogprob,
} from './protocol.js';
export type { Score, ScoredToken } from './score.js';
export type { Session } from './session.js';
export type { Store, StoredFile, StoreUsage } from './store.js';
