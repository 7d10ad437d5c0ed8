// What the package promises whatever it is given: it works, or an RwkvError says in a readable sentence why not.
import { RwkvError } from '../../../dist/node.js';

const fatal = ['worker-crashed', 'disposed', 'out-of-memory'];
const longest = 1000; // characters of a message: what was found is told in short

/** How `work` ends: `'good'` or the error's code. @throws whatever breaks the promise */
export async function outcomeOf(work) {
  try {
    await work();
    return 'good';
  } catch (error) {
    if (!(error instanceof RwkvError) || fatal.includes(error.code)) throw error;
    if (error.message === '' || error.message.length > longest)
      throw new Error(`a message of ${error.message.length} characters: ${error.message.slice(0, 300)}`);
    return error.code;
  }
}

/** @throws unless a fresh session says what one said in the beginning */
export async function workingModel(model) {
  const logits = async () => {
    const session = await model.createSession();
    await session.append([1, 2, 3]);
    const found = await session.logits();
    await session.dispose();
    return Buffer.from(found.buffer).toString('base64');
  };
  const expected = await logits();
  return async () => {
    if ((await logits()) !== expected) throw new Error('the model says something else than before');
  };
}
