// What happens on the model -> the answers of OpenAI's API, whole or chunk by chunk.
import type { OpenAIToolCall } from './conversation-types.js';
import type { OpenAIError } from './errors.js';
import { randomId } from './ids.js';
import type { Happening } from './run.js';
import { nameOf, type Token } from './tokens.js';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatLogprobs,
  ChatToken,
  CompletionLogprobs,
  OpenAIFinishReason,
  TextCompletion,
  TextCompletionChunk,
  Usage,
} from './types.js';

/** What all answers to one request say of it. */
export interface ReplyHead {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

/** How the answers of an endpoint look. */
export interface Style<Whole, Chunk> {
  /** The beginning of ids. */
  readonly prefix: string;
  /** Makes the chunks of one request. */
  chunks(head: ReplyHead, tellsLogprobs: boolean): (happening: Happening) => Chunk[];
  /** The last chunk, of those who asked for the usage, and `null` for the others before it. */
  withUsage(chunk: Chunk, usage: Usage | null): Chunk;
  whole(head: ReplyHead, choices: readonly Choice[], usage: Usage, tellsLogprobs: boolean): Whole;
  /** What tells of a failure in a stream that has begun; without it the stream throws. */
  failed?(error: OpenAIError): Chunk[];
}

/** A choice that has ended. */
export interface Choice {
  text: string;
  thinking: string;
  readonly tokens: Token[];
  readonly calls: OpenAIToolCall[];
  reason: OpenAIFinishReason;
}

export const chatStyle: Style<ChatCompletion, ChatCompletionChunk> = {
  prefix: 'chatcmpl-',
  chunks(head, tellsLogprobs) {
    const begun = new Set<number>();
    type Part = ChatCompletionChunk['choices'][number];
    const chunk = (...choices: Part[]): ChatCompletionChunk => ({
      ...head,
      object: 'chat.completion.chunk',
      choices,
    });
    return (happening) => {
      if (happening.kind === 'usage') return [chunk()];
      const { choice: index } = happening;
      const chunks: ChatCompletionChunk[] = [];
      if (!begun.has(index)) {
        begun.add(index);
        const content = happening.kind === 'call' ? null : '';
        const delta = { role: 'assistant', content, refusal: null } as const;
        chunks.push(chunk({ index, delta, logprobs: null, finish_reason: null }));
      }
      const logprobs = tellsLogprobs && happening.kind === 'text' ? chatLogprobs(happening.tokens) : null;
      const reason = happening.kind === 'end' ? happening.reason : null;
      chunks.push(chunk({ index, delta: deltaOf(happening), logprobs, finish_reason: reason }));
      return chunks;
    };
  },
  withUsage: (chunk, usage) => ({ ...chunk, usage }),
  whole: (head, choices, usage, tellsLogprobs) => ({
    ...head,
    object: 'chat.completion',
    choices: choices.map(({ text, thinking, tokens, calls, reason }, index) => ({
      index,
      message: {
        role: 'assistant',
        content: text === '' && calls.length > 0 ? null : text,
        refusal: null,
        ...(thinking !== '' && { reasoning_content: thinking }),
        ...(calls.length > 0 && { tool_calls: calls }),
      },
      logprobs: tellsLogprobs ? chatLogprobs(tokens) : null,
      finish_reason: reason,
    })),
    usage,
  }),
};

export const completionStyle: Style<TextCompletion, TextCompletionChunk> = {
  prefix: 'cmpl-',
  chunks(head, tellsLogprobs) {
    type Part = TextCompletionChunk['choices'][number];
    const chunk = (...choices: Part[]): TextCompletionChunk => ({
      ...head,
      object: 'text_completion',
      choices,
    });
    return (happening) => {
      if (happening.kind === 'usage') return [chunk()];
      const { choice: index } = happening;
      if (happening.kind === 'end')
        return [chunk({ index, text: '', logprobs: null, finish_reason: happening.reason })];
      if (happening.kind !== 'text') return []; // completions call nothing
      const { text, tokens } = happening;
      const logprobs = tellsLogprobs ? completionLogprobs(tokens) : null;
      return [chunk({ index, text, logprobs, finish_reason: null })];
    };
  },
  withUsage: (chunk, usage) => ({ ...chunk, usage }),
  whole: (head, choices, usage, tellsLogprobs) => ({
    ...head,
    object: 'text_completion',
    choices: choices.map(({ text, tokens, reason }, index) => ({
      index,
      text,
      logprobs: tellsLogprobs ? completionLogprobs(tokens) : null,
      finish_reason: reason,
    })),
    usage,
  }),
};

/** All that happens, gathered: the choices in their order, and the usage. */
export async function gather(
  happenings: AsyncIterable<Happening>,
): Promise<{ choices: Choice[]; usage: Usage }> {
  const choices: Choice[] = [];
  let usage: Usage | undefined;
  for await (const happening of happenings) {
    if (happening.kind === 'usage') {
      usage = happening.usage;
      continue;
    }
    const { choice: index } = happening;
    const choice = choices[index] ?? { text: '', thinking: '', tokens: [], calls: [], reason: 'stop' };
    choices[index] = choice;
    if (happening.kind === 'end') choice.reason = happening.reason;
    else if (happening.kind === 'call') choice.calls.push(callOf(happening.name));
    else if (happening.kind === 'arguments') {
      const last = choice.calls.at(-1);
      if (last) last.function.arguments += happening.text;
    } else {
      choice.text += happening.text;
      choice.thinking += happening.thinking;
      choice.tokens.push(...happening.tokens);
    }
  }
  if (!usage) throw new Error('a request ended without its usage');
  return { choices, usage };
}

function callOf(name: string): OpenAIToolCall {
  return { id: `call_${randomId()}`, type: 'function', function: { name, arguments: '' } };
}

type Delta = ChatCompletionChunk['choices'][number]['delta'];

function deltaOf(happening: Exclude<Happening, { kind: 'usage' }>): Delta {
  switch (happening.kind) {
    case 'text': {
      const { text, thinking } = happening;
      if (thinking === '') return { content: text };
      return text === '' ? { reasoning_content: thinking } : { reasoning_content: thinking, content: text };
    }
    case 'call':
      return { tool_calls: [{ index: happening.call, ...callOf(happening.name) }] };
    case 'arguments':
      return { tool_calls: [{ index: happening.call, function: { arguments: happening.text } }] };
    case 'end':
      return {};
  }
}

function chatLogprobs(tokens: readonly Token[]): ChatLogprobs {
  return { content: chatTokens(tokens), refusal: null };
}

/** Log probabilities of tokens of a text. */
export function chatTokens(tokens: readonly Token[]): (ChatToken & { top_logprobs: ChatToken[] })[] {
  const told = ({ bytes, logprob }: { bytes: Uint8Array; logprob: number | null }): ChatToken => ({
    token: nameOf(bytes),
    logprob: logprob ?? 0,
    bytes: [...bytes],
  });
  return tokens.map((token) => ({ ...told(token), top_logprobs: (token.top ?? []).map(told) }));
}

function completionLogprobs(tokens: readonly Token[]): CompletionLogprobs {
  const name = ({ bytes }: { bytes: Uint8Array }) => nameOf(bytes, 'bytes:');
  return {
    tokens: tokens.map(name),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top }) => {
      if (!top) return null;
      const named = new Map<string, number>(); // of tokens of the same name the likeliest
      for (const other of top) if (!named.has(name(other))) named.set(name(other), other.logprob);
      return Object.fromEntries(named);
    }),
    text_offset: tokens.map(({ offset }) => offset),
  };
}
