// Measures a model through the package's public door. Runs in Node and in a page.

const warmUp_ms = 150; // at first, which does not count: V8 still compiles
const sample_ms = 40; // at least, of one session's decoding
const skippedTokens = 4; // of a text, before its samples

/** `count` token ids below `vocabulary`, the same for the same seed; never 0, which ends texts. */
export function randomTokens(count, vocabulary, seed = 1) {
  let state = seed >>> 0;
  return Int32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 1 + Math.floor((state / 2 ** 32) * (vocabulary - 1));
  });
}

/** Generates `count` tokens, the likeliest ones; the times (ms) at which they came. A text that ends begins anew. */
export async function generate(session, count) {
  const times = [];
  const options = { temperature: 0, readAhead: false };
  for (let prompt = []; times.length < count; prompt = [1])
    for await (const _ of session.generate(prompt, { ...options, maxTokens: count - times.length }))
      times.push(performance.now());
  return times;
}

/** Decodes until V8 has compiled; how many tokens a sample has to have. */
async function tokensOfSample(model) {
  const session = await model.createSession({ seed: 1 });
  const start = performance.now();
  let times = [];
  while (performance.now() - start < warmUp_ms) times = await generate(session, 8);
  await session.dispose();
  return Math.max(8, Math.ceil((sample_ms * 7) / (times[7] - times[0])));
}

/** Tokens a second of `sessions` that generate at the same time, all together: a sample for every `window` of each. */
async function decode(model, sessions, window, samples) {
  const { vocabulary } = model.info;
  const all = await Promise.all(Array.from({ length: sessions }, () => model.createSession({ seed: 1 })));
  await Promise.all(all.map((session, i) => session.append(randomTokens(16, vocabulary, i + 1))));
  const count = skippedTokens + window * samples + 2; // the last two: some sessions have ended
  const times = (await Promise.all(all.map((session) => generate(session, count)))).flat();
  await Promise.all(all.map((session) => session.dispose()));
  times.sort((a, b) => a - b);
  return Array.from({ length: samples }, (_, i) => {
    const from = (skippedTokens + window * i) * sessions;
    return (1000 * window * sessions) / (times[from + window * sessions] - times[from]);
  });
}

/** Tokens a second at which a prompt of `length` tokens is read, once a sample. */
async function prefill(model, length, samples) {
  const rates = [];
  for (let i = -1; i < samples; i++) {
    const session = await model.createSession({ seed: 1 });
    const tokens = randomTokens(i < 0 ? Math.min(length, 64) : length, model.info.vocabulary, i + 2);
    const start = performance.now();
    await session.append(tokens);
    if (i >= 0) rates.push((1000 * length) / (performance.now() - start));
    await session.dispose();
  }
  return rates;
}

/**
 * Loads a model as `options` of RWKV.load say and measures it as `plan` says: `prefill` tokens, `batches` of sessions,
 * `samples` of each. Answers the model's `info` and `rates` (tokens a second) by task, or why it was `skipped`.
 */
export async function measure(RWKV, source, options, plan) {
  let model;
  try {
    model = await RWKV.load(source ?? undefined, { ...options, tokenizer: false, prefixCache: false });
  } catch (error) {
    if (error.code !== 'unsupported') throw error;
    return { skipped: error.message };
  }
  try {
    const { info } = model;
    if (info.threads !== options.threads)
      return { skipped: `asked for ${options.threads} threads, the package uses ${info.threads} here` };
    const rates = {};
    const window = plan.batches.length > 0 ? await tokensOfSample(model) : 0;
    for (const sessions of plan.batches)
      rates[`batch ${sessions}`] = await decode(model, sessions, window, plan.samples);
    if (plan.prefill > 0)
      rates[`prefill ${plan.prefill}`] = await prefill(model, plan.prefill, Math.ceil(plan.samples / 4));
    return { info: { ...info }, rates };
  } finally {
    await model.dispose();
  }
}
