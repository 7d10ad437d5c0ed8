// What both doors of `rwkv-wasm/openai` offer besides `openai`.
export type { Create, MakeClient, OpenAIClient } from './openai-client.js';
export type { OpenAIOptions, RequestOptions } from './openai-endpoints.js';
export { OpenAIError, type OpenAIErrorBody } from './openai-errors.js';
export { OpenAIStream } from './openai-stream.js';
export type * from './openai-types.js';
