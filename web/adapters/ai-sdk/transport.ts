// The hooks of the AI SDK without a server: what they would fetch is made in the page.

import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai';
import { RwkvError, sentence, unexpected } from '../../shared/errors.js';
import { isRequest } from '../../shared/realms.js';
import type { CallOptions, LanguageModelV4, Message, Prompt, StreamPart } from './types.js';

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
      chunksOf(model, messages.map(readMessage), settings, abortSignal),
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
    case 'error':
      return [{ type: 'error', errorText: sentence(part.error) }];
    case 'finish':
      return [{ type: 'finish-step' }, { type: 'finish', finishReason: part.finishReason.unified }];
    default:
      return [];
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
    if ('messages' in fields && Array.isArray(fields.messages)) return fields.messages.map(readMessage);
  }
  throw unexpected('the body', "'prompt', a text, or 'messages', a list of messages", fields);
}

// Messages may come from JSON: what the types promise is checked.
function readMessage(message: unknown, i: number): Message {
  const at = `messages[${i}]`;
  if (!isRecord(message) || !Array.isArray(message.parts))
    throw unexpected(at, 'a message with role and parts', message);
  const text = message.parts.map((part: unknown, k) => readPart(part, `${at}.parts[${k}]`)).join('');
  const content = [{ type: 'text' as const, text }];
  switch (message.role) {
    case 'system':
      return { role: 'system', content: text };
    case 'user':
    case 'assistant':
      return { role: message.role, content };
    default:
      throw unexpected(`${at}.role`, "'system', 'user' or 'assistant'", message.role);
  }
}

// A file would be missed; thoughts, borders of steps and data of the page are not for the model.
function readPart(part: unknown, at: string): string {
  if (!isRecord(part)) throw unexpected(at, 'a part', part);
  if (part.type === 'file') throw unexpected(at, 'a text', 'a file');
  return part.type === 'text' && typeof part.text === 'string' ? part.text : '';
}

function isRecord(value: unknown): value is Record<'role' | 'parts' | 'type' | 'text', unknown> {
  return typeof value === 'object' && value !== null;
}
