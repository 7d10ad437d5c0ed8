// The hooks of the AI SDK without a server: what they would fetch is made in the page.

import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai';
import { RwkvError, sentence, unexpected } from '../../shared/errors.js';
import { isRequest } from '../../shared/realms.js';
import type { CallOptions, LanguageModelV4, Prompt, StreamPart } from './types.js';
import { readMessage } from './ui-messages.js';

/** Settings of each request, such as `{ maxOutputTokens: 200, temperature: 0.8 }`. */
export type RequestSettings = Omit<CallOptions, 'prompt' | 'abortSignal'>;

/** Options of `rwkvFetch`. */
export interface RwkvFetchOptions {
  /** As the hook has it: `'data'`, the hooks' default, or `'text'`. */
  streamProtocol?: 'data' | 'text' | undefined;
  settings?: RequestSettings | undefined;
}

/** A stand-in for `fetch` of one kind of request. */
export type RwkvFetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

/**
 * A `fetch` for `useCompletion({ fetch: rwkvFetch(model) })`, and for the transports of `useChat` that take one: it answers
 * `{ prompt }` and `{ messages }` with what the model generates. The URL does not matter; nothing leaves the page. A request
 * that is wrong gets the status 400, a model that cannot be loaded 500, each with a sentence as its body.
 */
export function rwkvFetch(model: LanguageModelV4, options: RwkvFetchOptions = {}): RwkvFetch {
  const { streamProtocol = 'data', settings } = options;
  if (streamProtocol !== 'data' && streamProtocol !== 'text')
    throw unexpected('option streamProtocol', "'data' or 'text'", streamProtocol);
  return async (input, init = {}) => {
    const signal = init.signal ?? (isRequest(input) ? input.signal : undefined);
    try {
      const prompt = readBody(init.body ?? (isRequest(input) ? await input.text() : undefined));
      const chunks = await chunksOf(model, prompt, settings, signal);
      const texts = chunks.pipeThrough(streamProtocol === 'text' ? onlyText() : serverSentEvents());
      return new Response(texts.pipeThrough(new TextEncoderStream()), { headers: headers[streamProtocol] });
    } catch (error) {
      signal?.throwIfAborted();
      const isTheirs = error instanceof RwkvError && error.code === 'invalid-argument';
      return new Response(sentence(error), { status: isTheirs ? 400 : 500 });
    }
  };
}

/**
 * A transport for `useChat({ transport: rwkvTransport(model) })` that talks to the model in the page. There are no streams to
 * reconnect to.
 */
export function rwkvTransport<Message extends UIMessage = UIMessage>(
  model: LanguageModelV4,
  settings?: RequestSettings,
): ChatTransport<Message> {
  return {
    sendMessages: async ({ messages, abortSignal }) =>
      chunksOf(model, messages.flatMap(readMessage), settings, abortSignal),
    reconnectToStream: async () => null,
  };
}

const headers = {
  data: { 'content-type': 'text/event-stream', 'x-vercel-ai-ui-message-stream': 'v1' },
  text: { 'content-type': 'text/plain; charset=utf-8' },
};

async function chunksOf(
  model: LanguageModelV4,
  prompt: Prompt,
  settings: RequestSettings | undefined,
  signal: AbortSignal | null | undefined,
): Promise<ReadableStream<UIMessageChunk>> {
  const call: CallOptions = { ...settings, prompt, ...(signal && { abortSignal: signal }) };
  const { stream } = await model.doStream(call);
  return stream.pipeThrough(
    new TransformStream<StreamPart, UIMessageChunk>({
      start(controller) {
        controller.enqueue({ type: 'start' });
        controller.enqueue({ type: 'start-step' });
      },
      transform(part, controller) {
        for (const chunk of chunkOf(part)) controller.enqueue(chunk);
      },
    }),
  );
}

function chunkOf(part: StreamPart): UIMessageChunk[] {
  switch (part.type) {
    case 'text-start':
    case 'text-end':
    case 'reasoning-start':
    case 'reasoning-end':
      return [{ type: part.type, id: part.id }];
    case 'text-delta':
    case 'reasoning-delta':
      return [{ type: part.type, id: part.id, delta: part.delta }];
    case 'tool-input-start':
      return [{ type: part.type, toolCallId: part.id, toolName: part.toolName }];
    case 'tool-input-delta':
      return [{ type: part.type, toolCallId: part.id, inputTextDelta: part.delta }];
    case 'tool-call':
      return [inputOf(part)];
    case 'error':
      return [{ type: 'error', errorText: sentence(part.error) }];
    case 'finish':
      return [{ type: 'finish-step' }, { type: 'finish', finishReason: part.finishReason.unified }];
    default:
      return [];
  }
}

// A call that was cut short is no JSON.
function inputOf({
  toolCallId,
  toolName,
  input,
}: Extract<StreamPart, { type: 'tool-call' }>): UIMessageChunk {
  try {
    return { type: 'tool-input-available', toolCallId, toolName, input: JSON.parse(input) };
  } catch (error) {
    return { type: 'tool-input-error', toolCallId, toolName, input, errorText: sentence(error) };
  }
}

function onlyText(): TransformStream<UIMessageChunk, string> {
  return new TransformStream({
    transform(chunk, controller) {
      if (chunk.type === 'text-delta') controller.enqueue(chunk.delta);
      if (chunk.type === 'error') controller.error(new Error(chunk.errorText));
    },
  });
}

function serverSentEvents(): TransformStream<UIMessageChunk, string> {
  return new TransformStream({
    transform: (chunk, controller) => controller.enqueue(`data: ${JSON.stringify(chunk)}\n\n`),
    flush: (controller) => controller.enqueue('data: [DONE]\n\n'),
  });
}

/** @throws RwkvError `invalid-argument` */
function readBody(body: unknown): Prompt {
  if (typeof body !== 'string') throw unexpected('the body', 'a JSON text', body);
  let fields: unknown;
  try {
    fields = JSON.parse(body);
  } catch (cause) {
    throw new RwkvError('invalid-argument', `the body: expected JSON; ${sentence(cause)}`, { cause });
  }
  if (typeof fields === 'object' && fields !== null) {
    if ('prompt' in fields && typeof fields.prompt === 'string')
      return [{ role: 'user', content: [{ type: 'text', text: fields.prompt }] }];
    if ('messages' in fields && Array.isArray(fields.messages)) return fields.messages.flatMap(readMessage);
  }
  throw unexpected('the body', "'prompt', a text, or 'messages', a list of messages", fields);
}
