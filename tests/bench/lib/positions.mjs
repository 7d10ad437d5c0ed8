// Milliseconds per token at positions far into a text, beside those of a text that has just begun.
import { generate, randomTokens } from './measure.mjs';

const chunk = 2048; // tokens of a prompt that is read at once on the way
const block = 10; // tokens a sample, after two that do not count

async function blockTime(session) {
  const times = await generate(session, block + 2);
  return (times[block + 1] - times[1]) / block;
}

/**
 * Every position is reached by reading all tokens before it. At each, blocks of tokens of that text and of a fresh one
 * at `plan.positions[0]` take turns, so that whatever else the machine does slows both. `memory()`: bytes in use.
 */
export async function walkPositions(RWKV, source, options, plan, memory) {
  const model = await RWKV.load(source ?? undefined, { ...options, tokenizer: false });
  const { vocabulary } = model.info;
  const far = await model.createSession({ seed: 1 });
  const points = [];
  let read = 0;
  await generate(far, 64);
  read += 64;
  for (const position of plan.positions) {
    while (read < position) {
      const count = Math.min(chunk, position - read);
      await far.append(randomTokens(count, vocabulary, read));
      read += count;
    }
    const near = await model.createSession({ seed: 1 });
    await near.append(randomTokens(plan.positions[0], vocabulary));
    const far_ms = [];
    const near_ms = [];
    for (let i = 0; i < plan.blocks; i++) {
      far_ms.push(await blockTime(far));
      near_ms.push(await blockTime(near));
      read += block + 2;
    }
    points.push({ position, far_ms, near_ms, memory_bytes: memory() });
    await near.dispose();
  }
  const { info } = model;
  await model.dispose();
  return { info: { ...info }, points };
}
