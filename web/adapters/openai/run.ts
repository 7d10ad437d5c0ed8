// A checked request on the model: a session for each choice, all of them at once, and none of them left afterwards.
import { type ReplyPart, ReplyReader } from '../../page/chat/reply.js';
import type { Model } from '../../page/model.js';
import { type GenerateOptions, randomSeed } from '../../page/options.js';
import type { Session } from '../../page/session.js';
import { StopTexts } from '../../page/stop-texts.js';
import type { Step } from '../../shared/types.js';
import { wellFormed } from '../../shared/well-formed.js';
import { replying } from '../shared/replying.js';
import type { Job } from './requests.js';
import type { Slots } from './slots.js';
import type { OpenAIFinishReason, Usage } from './types.js';

/** A token as log probabilities name it. `logprob` and `top` are `null` where there are none. */
export interface Token {
  readonly text: string;
  readonly logprob: number | null;
  readonly top: readonly { readonly text: string; readonly logprob: number }[] | null;
}

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

/**
 * Answers a request. Choice i of prompt p is number p n + i; it begins from the seed + i.
 *
 * @throws RwkvError out of the loop, as `session.generate`; the reason of `signal`
 */
export async function* run(
  model: Model,
  job: Job,
  slots: Slots,
  signal: AbortSignal,
): AsyncGenerator<Happening, void, undefined> {
  const sessions: Session[] = [];
  const keep = (session: Session): Session => {
    sessions.push(session);
    return session;
  };
  const leave = await slots.enter(job.prompts.length * job.n, signal);
  const seed = job.seed ?? randomSeed();
  const texts = new TokenTexts(model);
  try {
    const roots: { session: Session; ids: readonly number[]; prompt: string | readonly number[] }[] = [];
    for (const prompt of job.prompts) {
      const ids = typeof prompt === 'string' ? await idsOf(model, prompt) : prompt;
      roots.push({ session: keep(await model.createSession()), ids, prompt });
    }
    const read = await Promise.all(roots.map(({ session, ids }) => session.append(ids, { signal })));
    const cachedTokens = read.reduce((sum, usage) => sum + usage.cachedTokens, 0);

    const choices: AsyncGenerator<Happening, void, undefined>[] = [];
    let promptTokens = 0;
    for (const { session, ids, prompt } of roots) {
      promptTokens += Math.max(ids.length, 1); // an empty prompt is read as the end of another text
      const echo = job.echo ? await echoOf(model, prompt, ids, job.topLogprobs >= 0) : [];
      for (let i = 0; i < job.n; i++) {
        const own = i === 0 ? session : keep(await session.fork());
        const options = { ...job.options, topLogprobs: job.topLogprobs, seed: (seed + i) % 2 ** 53, signal };
        choices.push(choose(own, choices.length, options, job, echo, texts));
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

interface ChoiceOptions extends GenerateOptions {
  readonly topLogprobs: number;
}

async function* choose(
  session: Session,
  choice: number,
  { topLogprobs, ...options }: ChoiceOptions,
  { opening, template, ends, tools, isThinking, blank }: Job,
  echo: readonly Token[],
  texts: TokenTexts,
): AsyncGenerator<Happening, void, undefined> {
  const tellsLogprobs = topLogprobs >= 0;
  const plan = { options: tellsLogprobs ? { ...options, topLogprobs } : options, tools, isThinking, blank };
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

  let isFirst = true;
  const begin = (): Happening[] => {
    if (!isFirst) return [];
    isFirst = false;
    return told(echo.map((token) => token.text).join(''), '', echo);
  };
  let count = 0;
  let call = -1;
  for await (const piece of replying(session, plan)) {
    yield* begin(); // not before the first piece: by then it shows what is wrong with a request
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
      const { step } = piece;
      if (step.token > 0) count++;
      const { thinking, answer } = push(reader.push(step.text));
      yield* told(answer.text, thinking.text, tellsLogprobs ? await texts.tokensOf(step) : []);
      if (thinking.stop === undefined && answer.stop === undefined) continue;
      yield { kind: 'end', choice, reason: 'stop', tokens: count };
      return;
    }
  }
}

// The prompt as the beginning of the text: one piece, or token by token with log probabilities after an end of text. The
// first token comes after nothing.
async function echoOf(
  model: Model,
  prompt: string | readonly number[],
  ids: readonly number[],
  tellsLogprobs: boolean,
): Promise<Token[]> {
  if (ids.length === 0) return [];
  const text = typeof prompt === 'string' ? wellFormed(prompt) : await model.detokenize(ids);
  if (!tellsLogprobs) return [{ text, logprob: null, top: null }];
  const scorer = await model.createSession();
  try {
    const { tokens } = await scorer.score(text);
    return tokens.map(({ text, logprob }, i) => ({ text, logprob: i === 0 ? null : logprob, top: null }));
  } finally {
    await scorer.dispose();
  }
}

/** What tokens are by themselves. */
class TokenTexts {
  readonly #model: Model;
  readonly #known = new Map<number, string>();

  constructor(model: Model) {
    this.#model = model;
  }

  /** The token of a step, for those who want log probabilities; none behind the end of the text. */
  async tokensOf({ token, logprob = 0, topLogprobs = [] }: Step): Promise<Token[]> {
    if (token <= 0) return [];
    for (const { token, text } of topLogprobs) this.#known.set(token, text);
    const text = this.#known.get(token) ?? (await this.#model.detokenize([token]));
    this.#known.set(token, text);
    return [{ text, logprob, top: topLogprobs }];
  }
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
