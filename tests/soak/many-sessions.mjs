// Sixty-four sessions of one model at once, each doing whatever chance says: nothing is left behind, nobody disturbs another.
import { RWKV } from '../../dist/node.js';
import { Random } from '../random.mjs';
import { course } from './course.mjs';

const sessions = 64;
const prefixCache = 4 * 2 ** 20; // bytes: full before the run is looked at

/** What one may do with its session; answers the session that takes its place. Each a few tokens long. */
const deeds = {
  async complete(session) {
    await session.complete(' and then', { maxTokens: 4 }).result;
    return session;
  },
  async append(session) {
    await session.append('Once upon a time there was a fox.');
    return session;
  },
  async chat(session) {
    await session.chat([{ role: 'user', content: 'Who is there?' }], { maxTokens: 4 }).result;
    return session;
  },
  async leave(session) {
    for await (const _ of session.complete('The wolf', { maxTokens: 100 })) break;
    return session;
  },
  async abort(session) {
    const controller = new AbortController();
    const pieces = session.complete('The hen', { maxTokens: 1e6, ban: [0], signal: controller.signal });
    try {
      for await (const _ of pieces) controller.abort();
    } catch (error) {
      if (error !== controller.signal.reason) throw error;
    }
    return session;
  },
  async rewind(session) {
    await session.append(' A cat.');
    await session.rewind();
    return session;
  },
  async reset(session) {
    await session.reset();
    await session.append('A new tale.');
    return session;
  },
  async fork(session) {
    const other = await session.fork();
    await session.dispose();
    return other;
  },
  async restore(session, model) {
    await session.append(' So');
    const other = await model.createSession({ state: await session.save() });
    const [before, after] = await Promise.all([session.logits(), other.logits()]);
    if (!Buffer.from(before.buffer).equals(Buffer.from(after.buffer)))
      throw new Error('a restored session stands elsewhere');
    await session.dispose();
    return other;
  },
};

export default async function manySessions(isShort) {
  const slice = (isShort ? 6 : 600) * 50; // ms: a twentieth of the whole
  const model = await RWKV.load(undefined, { quantization: 'q4', prefixCache });
  const random = new Random(64);
  const all = await Promise.all(Array.from({ length: sessions }, (_, seed) => model.createSession({ seed })));
  const names = Object.keys(deeds);
  try {
    await course('deed', async () => {
      const end = performance.now() + slice;
      let done = 0;
      await Promise.all(
        all.map(async (_, place) => {
          while (performance.now() < end) {
            all[place] = await deeds[random.of(names)](all[place], model);
            done++;
          }
        }),
      );
      return done;
    });
  } finally {
    await model.dispose();
  }
}
