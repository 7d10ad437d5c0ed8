// `rwkv-wasm/prompt-api` in Node.
import { RWKV } from '../node.js';
import { languageModelMaker } from './prompt-api/maker.js';

export const languageModel = languageModelMaker(RWKV.load);
