import { RWKV } from '../../dist/node.js';
import { textOf } from './streams.js';

/** Whether replies can be kept to a form: where `session.complete` has no option jsonSchema, tests of it are skipped. */
export async function hasSchemas(): Promise<boolean> {
  const model = await RWKV.load();
  try {
    const session = await model.createSession();
    await textOf(session.complete('', { maxTokens: 8, ...{ jsonSchema: { enum: [1] } } }));
    return true;
  } catch {
    return false;
  } finally {
    await model.dispose();
  }
}
