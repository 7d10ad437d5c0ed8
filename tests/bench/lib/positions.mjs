// Milliseconds per token at positions far into a text.
import { generate, randomTokens } from './measure.mjs';

const chunk = 2048; // tokens of a prompt that is read at once on the way
const block = 10; // tokens a sample, after two that do not count

async function blockTime(session) {
  const times = await generate(session, block + 2);
  return (times[block + 1] - times[1]) / block;
}

/** Reads on to each position; `arrived(position)` is told. */
async function walk(session, vocabulary, positions, arrived) {
  let read = 0;
  for (const position of positions) {
    while (read < position) {
      const count = Math.min(chunk, position - read);
      await session.append(randomTokens(count, vocabulary, read));
      read += count;
    }
    arrived?.(position);
  }
}

/**
 * A session for each position, which has read all tokens before it. Then they take turns, a block of tokens each, so that
 * whatever else the machine does slows all of them. `memory()`: bytes in use, asked while the last text is read.
 */
export async function walkPositions(RWKV, source, options, { positions, blocks }, memory) {
  const model = await RWKV.load(source ?? undefined, { ...options, tokenizer: false, prefixCache: false });
  const { vocabulary } = model.info;
  const points = positions.map((position) => ({ position, ms: [] }));
  const sessions = [];
  for (const position of positions) {
    const session = await model.createSession({ seed: 1 });
    const isLast = position === positions.at(-1);
    const look = (at) => {
      points[positions.indexOf(at)].memory_bytes = memory();
    };
    await walk(session, vocabulary, isLast ? positions : [position], isLast ? look : undefined);
    sessions.push(session);
  }
  for (let i = -1; i < blocks; i++)
    for (const [at, session] of sessions.entries()) {
      const ms = await blockTime(session);
      if (i >= 0) points[at].ms.push(ms); // the first round only warms up
    }
  const { info } = model;
  await model.dispose();
  return { info: { ...info }, points };
}
