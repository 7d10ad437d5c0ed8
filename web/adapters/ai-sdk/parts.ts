// A reply as parts of a stream, as it comes.
import type { ReplyPart } from '../../page/chat/reply.js';
import type { PromptUsage } from '../../page/completion.js';
import type { Session } from '../../page/session.js';
import { type ReplyPiece, replying } from '../shared/replying.js';
import { type Call, providerKey } from './call.js';
import type { FinishReason, StreamPart, Usage } from './types.js';

/** The session is given back at the end. @throws what the session throws */
export async function* replyParts(
  { prompt, plan, reader }: Call,
  session: Session,
): AsyncGenerator<StreamPart, void, undefined> {
  const parts = new Parts();
  try {
    const clock = new Clock();
    const { signal } = plan.options;
    const read = await session.append(prompt, signal ? { signal } : {});
    clock.promptIsRead();
    for await (const piece of replying(session, plan)) {
      if (piece.kind === 'text') yield* parts.reply(reader.push(piece.step.text));
      else {
        yield* parts.reply(reader.rest());
        if (piece.kind === 'call') yield* parts.call(piece.name);
        else if (piece.kind === 'arguments') yield* parts.argue(piece.text);
        else {
          yield* parts.close();
          yield {
            type: 'finish',
            ...parts.endOf(piece, read),
            providerMetadata: clock.told(read, piece.tokens),
          };
        }
      }
    }
  } finally {
    await session.dispose().catch(() => {}); // a worker that has died took it along
  }
}

/** What is open: a text, a thought or a call. */
class Parts {
  #open: 'reasoning' | 'text' | undefined;
  #call: { id: string; name: string; input: string } | undefined;
  #hasThought = false;
  #calls = 0;
  readonly #prefix = `call_${crypto.getRandomValues(new Uint32Array(2)).join('_')}`;

  *reply({ thinking, answer }: ReplyPart): Generator<StreamPart, void, undefined> {
    if (thinking !== '') {
      this.#hasThought = true;
      yield* this.#begin('reasoning');
      yield { type: 'reasoning-delta', id: 'reasoning', delta: thinking };
    }
    if (answer !== '') {
      yield* this.#begin('text');
      yield { type: 'text-delta', id: 'text', delta: answer };
    }
  }

  *call(name: string): Generator<StreamPart, void, undefined> {
    yield* this.close();
    this.#call = { id: `${this.#prefix}_${this.#calls++}`, name, input: '' };
    yield { type: 'tool-input-start', id: this.#call.id, toolName: name };
  }

  *argue(delta: string): Generator<StreamPart, void, undefined> {
    if (!this.#call) return;
    this.#call.input += delta;
    yield { type: 'tool-input-delta', id: this.#call.id, delta };
  }

  *close(): Generator<StreamPart, void, undefined> {
    if (this.#open) yield { type: `${this.#open}-end`, id: this.#open };
    this.#open = undefined;
    if (!this.#call) return;
    const { id, name, input } = this.#call;
    this.#call = undefined;
    yield { type: 'tool-input-end', id };
    yield { type: 'tool-call', toolCallId: id, toolName: name, input };
  }

  endOf(
    { reason, tokens }: Extract<ReplyPiece, { kind: 'end' }>,
    { promptTokens, cachedTokens }: PromptUsage,
  ) {
    const ended = this.#calls > 0 ? 'tool-calls' : 'stop';
    return {
      finishReason: { unified: reason === 'length' ? 'length' : ended, raw: reason } satisfies FinishReason,
      usage: {
        inputTokens: {
          total: promptTokens,
          noCache: promptTokens - cachedTokens,
          cacheRead: cachedTokens,
          cacheWrite: undefined,
        },
        // Which tokens are thoughts is not counted.
        outputTokens: {
          total: tokens,
          text: this.#hasThought ? undefined : tokens,
          reasoning: this.#hasThought ? undefined : 0,
        },
      } satisfies Usage,
    };
  }

  *#begin(kind: 'reasoning' | 'text'): Generator<StreamPart, void, undefined> {
    if (this.#open === kind) return;
    yield* this.close();
    this.#open = kind;
    yield { type: `${kind}-start`, id: kind };
  }
}

/** How long the prompt and the reply took, in milliseconds. */
class Clock {
  readonly #start = performance.now();
  #begun = this.#start;

  promptIsRead(): void {
    this.#begun = performance.now();
  }

  told({ promptTokens, cachedTokens }: PromptUsage, tokens: number) {
    const prefillMs = this.#begun - this.#start;
    const decodeMs = performance.now() - this.#begun;
    const pace = (count: number, ms: number) => (count > 0 && ms > 0 ? (count * 1000) / ms : 0);
    return {
      [providerKey]: {
        prefillMs,
        prefillTokensPerSecond: pace(promptTokens - cachedTokens, prefillMs),
        decodeMs,
        decodeTokensPerSecond: pace(tokens, decodeMs),
      },
    };
  }
}
