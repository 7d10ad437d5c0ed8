// One session that reads and writes on and on: history costs nothing.
import { RWKV } from '../../dist/node.js';
import { course } from './course.mjs';

const round = { read: 400, written: 100 }; // tokens

export default async function oneSession(isShort) {
  const tokens = isShort ? 20_000 : 1_000_000;
  const model = await RWKV.load(undefined, { quantization: 'q4' });
  const session = await model.createSession({ seed: 1 });
  const text = await model.tokenize('The fox came out of the wood and looked at the hen. '.repeat(40));
  const prompt = text.slice(0, round.read);
  const perRound = round.read + round.written;
  try {
    await course('token', async () => {
      const rounds = tokens / 20 / perRound;
      for (let i = 0; i < rounds; i++) {
        await session.append(prompt);
        let written = 0;
        for await (const _ of session.generate([], { maxTokens: round.written, ban: [0] })) written++;
        if (written !== round.written) throw new Error(`${written} tokens were written`);
      }
      return rounds * perRound;
    });
    const logits = await session.logits();
    if (!logits.every(Number.isFinite)) throw new Error('the logits are no numbers any more');
  } finally {
    await model.dispose();
  }
}
