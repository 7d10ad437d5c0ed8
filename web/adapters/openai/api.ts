// What both doors of `rwkv-wasm/openai` offer besides `openai`.
export type { Create, MakeClient, OpenAIClient } from './client.js';
export type * from './conversation-types.js';
export type { OpenAIOptions, RequestOptions } from './endpoints.js';
export { OpenAIError, type OpenAIErrorBody } from './errors.js';
export type * from './responses/types.js';
export type { Spent } from './spent.js';
export { OpenAIStream } from './stream.js';
export type * from './types.js';
