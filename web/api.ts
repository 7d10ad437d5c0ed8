// What both doors offer besides `RWKV`.
export { RwkvError, type RwkvErrorCode } from './errors.js';
export type { Model } from './model.js';
export type {
  ConvertOptions,
  FileHandle,
  GenerateOptions,
  InspectOptions,
  LoadOptions,
  ModelSource,
  ReadOptions,
  SessionOptions,
} from './options.js';
export type {
  Build,
  LoadProgress,
  ModelFile,
  ModelInfo,
  ModelShape,
  Quantization,
  Step,
  TokenizerKind,
} from './protocol.js';
export type { Session } from './session.js';
