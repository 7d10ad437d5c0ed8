// Saved sessions: damaged ones, and ones whose checksum says that they are whole.
import { RWKV } from '../../../dist/node.js';
import { tiny } from './models.mjs';
import { bytes } from './mutate.mjs';
import { outcomeOf, workingModel } from './promise.mjs';

export async function open() {
  const model = await RWKV.load(tiny, { tokenizer: 'bytes' });
  const session = await model.createSession({ seed: 1 });
  await session.complete('Once', { maxTokens: 5, ban: [0] }).result;
  const seeds = [await session.save(), await session.save({ half: true })];
  await session.append([200]); // the rest of its character is waited for
  seeds.push(await session.save());
  return {
    works: await workingModel(model),
    attempt: (random) =>
      outcomeOf(async () => {
        const changed = bytes(random.of(seeds), random);
        const state = random.below(4) === 0 ? changed : sealed(changed);
        const restored = await model.createSession({ state });
        try {
          await restored.complete(random.of(['', 'x']), { maxTokens: 3, presencePenalty: 1 }).result;
          await restored.logits();
          const copy = await restored.fork();
          await model.createSession({ state: await copy.save() }).then((again) => again.dispose());
          await copy.dispose();
        } finally {
          await restored.dispose();
        }
      }),
  };
}

/** With the checksum that such bytes need: src/session/saved_session.md. */
function sealed(file) {
  const words = new DataView(file.buffer, file.byteOffset, file.byteLength & ~3);
  if (words.byteLength < 12) return file;
  const end = words.byteLength - 8;
  let hash = 14695981039346656037n;
  for (let at = 0; at < end; at += 4)
    hash = BigInt.asUintN(64, (hash ^ BigInt(words.getUint32(at, true))) * 1099511628211n);
  words.setBigUint64(end, hash, true);
  return file;
}
