// `rwkv-wasm/ai-sdk` in Node.
import { RWKV } from '../node.js';
import { rwkvEmbeddingMaker, rwkvMaker } from './ai-sdk/maker.js';

export { rwkvFetch, rwkvTransport } from './ai-sdk/transport.js';

export const rwkv = rwkvMaker(RWKV.load);
export const rwkvEmbedding = rwkvEmbeddingMaker(RWKV.load);
