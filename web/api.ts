// What both doors offer besides `RWKV`.
export { RwkvError, type RwkvErrorCode } from './errors.js';
export type { FileHandle, ModelSource } from './load.js';
export type { Model } from './model.js';
export type {
  ConvertOptions,
  GenerateOptions,
  InspectOptions,
  LoadOptions,
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
} from './protocol.js';
export type { Session } from './session.js';
