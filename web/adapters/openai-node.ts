/**
 * A client in the shape of OpenAI's, whose models run here: in Node.
 *
 * @packageDocumentation
 */
import { RWKV } from '../node.js';
import { clientMaker } from './openai/client.js';

export * from './openai/api.js';

/**
 * Makes a client. The model is one that was loaded, or whatever `RWKV.load` takes, which is loaded when it is first needed; nothing
 * stands for the embedded storyteller.
 *
 * @throws RwkvError `invalid-argument`
 */
export const openai = clientMaker(RWKV.load);
