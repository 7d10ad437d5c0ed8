// A call on a session of its own.
import { Completion } from './completion.js';
import { nothingGenerated } from './generating.js';
import type { Session } from './session.js';
import { stepsWithResult } from './steps.js';

/** What `call` gives, on a session that is opened when the first piece is asked for and given back behind the last. */
export function onItsOwn(open: () => Promise<Session>, call: (session: Session) => Completion): Completion {
  const { steps, result } = stepsWithResult(async function* ({ resolve, reject }) {
    let completion: Completion | undefined;
    try {
      const session = await open();
      try {
        completion = call(session);
        yield* completion;
      } finally {
        await session.dispose();
      }
    } catch (error) {
      if (!completion) reject(error);
      throw error;
    } finally {
      if (completion) resolve(completion.result);
    }
  }, nothingGenerated);
  return new Completion(steps, result);
}
