// A checked request on the model: a session for each choice, all of them at once, and none of them left afterwards.
import { type ReplyPart, ReplyReader } from '../../page/chat/reply.js';
import type { Model } from '../../page/model.js';
import { checkGenerateOptions, checkTokens, type GenerateOptions, randomSeed } from '../../page/options.js';
import type { Session } from '../../page/session.js';
import { StopTexts } from '../../page/stop-texts.js';
import type { Vocabulary } from '../../page/vocabulary.js';
import { wellFormed } from '../../shared/well-formed.js';
import { checkCalls, replying } from '../shared/replying.js';
import type { Job } from './requests.js';
import type { Slots } from './slots.js';
import { lengthOf, type Token, TokenTeller } from './tokens.js';
import type { OpenAIFinishReason, Usage } from './types.js';

/** What happens while a request is answered: texts of the choices, their ends, and at last the usage. */
export type Happening =
  | {
      readonly kind: 'text';
      readonly choice: number;
      readonly text: string;
      /** What of it comes before the answer. */
      readonly thinking: string;
      readonly tokens: readonly Token[];
    }
  /** A call of a tool begins; `arguments` add to the last one. */
  | { readonly kind: 'call'; readonly choice: number; readonly call: number; readonly name: string }
  | { readonly kind: 'arguments'; readonly choice: number; readonly call: number; readonly text: string }
  | {
      readonly kind: 'end';
      readonly choice: number;
      readonly reason: OpenAIFinishReason;
      readonly tokens: number;
    }
  | { readonly kind: 'usage'; readonly usage: Usage };

/** What a model continues: a prompt as it was given, and its ids. */
interface Root {
  readonly prompt: string | readonly number[];
  readonly ids: readonly number[];
}

/** A job that this model can do. */
export interface Task {
  readonly job: Job;
  readonly roots: readonly Root[];
}

/**
 * Finds what is wrong with a request before its stream begins.
 *
 * @throws RwkvError of ids that the model does not have, texts that its vocabulary has no tokens for and schemas that are none
 */
export async function prepare(model: Model, job: Job): Promise<Task> {
  const { vocabulary } = model.info;
  checkGenerateOptions(job.options, vocabulary);
  const roots: Root[] = [];
  for (const prompt of job.prompts) {
    const isText = typeof prompt === 'string';
    const ids = isText ? await idsOf(model, prompt) : [...checkTokens('prompt', prompt, vocabulary)];
    roots.push({ prompt, ids });
  }
  const { jsonSchema, grammar } = job.options;
  const isRuled = (jsonSchema ?? grammar) !== undefined;
  if (job.stream && (isRuled || job.tools?.isForced)) {
    const session = await model.createSession();
    try {
      if (isRuled) await session.complete('', { jsonSchema, grammar, maxTokens: 0 }).result;
      if (job.tools?.isForced) await checkCalls(session, job.tools);
    } finally {
      await session.dispose();
    }
  }
  return { job, roots };
}

/**
 * Answers a request. Choice i of prompt p is number p n + i; it begins from the seed + i.
 *
 * @throws RwkvError out of the loop, as `session.generate`; the reason of `signal`
 */
export async function* run(
  model: Model,
  { job, roots }: Task,
  slots: Slots,
  signal: AbortSignal,
): AsyncGenerator<Happening, void, undefined> {
  const sessions: Session[] = [];
  const keep = (session: Session): Session => {
    sessions.push(session);
    return session;
  };
  const leave = await slots.enter(roots.length * job.n, signal);
  const seed = job.seed ?? randomSeed();
  try {
    const vocabulary = job.topLogprobs >= 0 ? await model.vocabulary() : undefined;
    const begun: Session[] = [];
    for (const _ of roots) begun.push(keep(await model.createSession()));
    const onlyTells = job.echo && job.options.maxTokens === 0;
    const read = await Promise.all(
      roots.map(({ ids }, p) => (onlyTells ? undefined : begun[p]?.append(ids, { signal }))),
    );
    const cachedTokens = read.reduce((sum, usage) => sum + (usage?.cachedTokens ?? 0), 0);

    const choices: AsyncGenerator<Happening, void, undefined>[] = [];
    let promptTokens = 0;
    for (const [p, session] of begun.entries()) {
      const root = roots[p];
      if (!root) continue;
      promptTokens += Math.max(root.ids.length, 1); // an empty prompt is read as the end of another text
      const echo = job.echo ? await echoOf(model, session, root, job, vocabulary, signal) : nothing;
      for (let i = 0; i < job.n; i++) {
        const own = i === 0 ? session : keep(await session.fork());
        const options = { ...job.options, seed: (seed + i) % 2 ** 53, signal };
        choices.push(choose(own, choices.length, options, job, echo, vocabulary));
      }
    }

    let completionTokens = 0;
    for await (const happening of together(choices)) {
      if (happening.kind === 'end') completionTokens += happening.tokens;
      yield happening;
    }
    yield {
      kind: 'usage',
      usage: {
        prompt_tokens: promptTokens,
        completion_tokens: completionTokens,
        total_tokens: promptTokens + completionTokens,
        prompt_tokens_details: { cached_tokens: cachedTokens },
      },
    };
  } finally {
    await Promise.allSettled(sessions.map((session) => session.dispose()));
    leave();
  }
}

async function idsOf(model: Model, text: string): Promise<readonly number[]> {
  return text === '' ? [] : model.tokenize(text);
}

async function* choose(
  session: Session,
  choice: number,
  options: GenerateOptions,
  { opening, template, ends, tools, isThinking, blank, topLogprobs }: Job,
  echo: Echo,
  vocabulary: Vocabulary | undefined,
): AsyncGenerator<Happening, void, undefined> {
  const plan = { options: vocabulary ? { ...options, topLogprobs } : options, tools, isThinking, blank };
  const teller = vocabulary && new TokenTeller(vocabulary, lengthOf(echo.text));
  const reader = new ReplyReader(opening ?? '', template);
  const stops = { thinking: new StopTexts(ends), answer: new StopTexts(ends) };
  const told = (text: string, thinking: string, tokens: readonly Token[] = []): Happening[] =>
    text === '' && thinking === '' && tokens.length === 0
      ? []
      : [{ kind: 'text', choice, text, thinking, tokens }];
  const push = ({ thinking, answer }: ReplyPart) => ({
    thinking: stops.thinking.push(thinking),
    answer: stops.answer.push(answer),
  });
  const rest = (): Happening[] => {
    const { thinking, answer } = push(reader.rest());
    return told(answer.text + stops.answer.rest(), thinking.text + stops.thinking.rest());
  };

  yield* told(echo.text, '', echo.tokens);
  let count = 0;
  let call = -1;
  for await (const piece of replying(session, plan)) {
    if (piece.kind === 'end') {
      yield* rest();
      const cut = piece.reason === 'length';
      const reason = cut ? 'length' : call >= 0 ? 'tool_calls' : 'stop';
      yield { kind: 'end', choice, reason, tokens: piece.tokens };
    } else if (piece.kind === 'call') {
      yield* rest();
      call++;
      yield { kind: 'call', choice, call, name: piece.name };
    } else if (piece.kind === 'arguments') {
      yield { kind: 'arguments', choice, call, text: piece.text };
    } else {
      const { token, text, logprob = 0, topLogprobs = [] } = piece.step;
      if (token > 0) count++;
      const { thinking, answer } = push(reader.push(text));
      const tokens = teller && token > 0 ? [teller.next(token, logprob, topLogprobs)] : [];
      yield* told(answer.text, thinking.text, tokens);
      if (thinking.stop === undefined && answer.stop === undefined) continue;
      yield { kind: 'end', choice, reason: 'stop', tokens: count };
      return;
    }
  }
}

/** The prompt as the beginning of the text; `tokens` where log probabilities are told. */
interface Echo {
  readonly text: string;
  readonly tokens: readonly Token[];
}

const nothing: Echo = { text: '', tokens: [] };

// The ids are scored as they are, after each other: the first comes after nothing.
async function echoOf(
  model: Model,
  session: Session,
  { prompt, ids }: Root,
  { topLogprobs }: Job,
  vocabulary: Vocabulary | undefined,
  signal: AbortSignal,
): Promise<Echo> {
  const [first, ...rest] = ids;
  if (first === undefined) return nothing;
  const text = typeof prompt === 'string' ? wellFormed(prompt) : await model.detokenize(ids);
  if (!vocabulary) return { text, tokens: [] };
  const { tokens } = await session.score(rest, { after: [first], topLogprobs, signal });
  const teller = new TokenTeller(vocabulary);
  const scored = tokens.map(({ id, logprob, topLogprobs = [] }) => [id, logprob, topLogprobs] as const);
  return { text, tokens: [teller.next(first, null, null), ...scored.map((token) => teller.next(...token))] };
}

/** The items of all sources as they come. Each source is asked for its next while the others are, so that they share passes. */
async function* together<T>(
  sources: readonly AsyncGenerator<T, void, undefined>[],
): AsyncGenerator<T, void, undefined> {
  type Source = (typeof sources)[number];
  const next = (source: Source) => {
    const asked = source.next().then((result) => ({ source, result }));
    asked.catch(() => {}); // it is told when its turn comes
    return asked;
  };
  const asked = new Map(sources.map((source) => [source, next(source)]));
  try {
    while (asked.size > 0) {
      const { source, result } = await Promise.race(asked.values());
      asked.delete(source);
      if (result.done) continue;
      asked.set(source, next(source)); // behind the others: all have their turn
      yield result.value;
    }
  } finally {
    await Promise.allSettled(sources.map((source) => source.return()));
  }
}
