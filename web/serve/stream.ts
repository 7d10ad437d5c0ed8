import type { OpenAIStream } from '../adapters/openai/stream.js';

/** What a stream of events has to know. */
export interface EventOptions {
  readonly shutdown: AbortSignal;
  /** The event for an end before its time. */
  failure(error: unknown): object;
  /** Hears that the reader has left. */
  left(): void;
  /** Hears that nothing more comes. */
  ended(): void;
  /** While nothing comes, a comment says every so many ms that the connection is alive. Default 10 s. */
  readonly heartbeat?: number;
}

/**
 * The chunks of an answer as server-sent events, `data: [DONE]` behind the last. What goes wrong is an event too, and then the
 * end. A reader that leaves ends the work.
 */
export function eventStream(
  stream: OpenAIStream<unknown>,
  { shutdown, failure, left, ended, heartbeat = 10_000 }: EventOptions,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const event = (data: string) => encoder.encode(`data: ${data}\n\n`);
  // Responses name their events, and the last of them is the end.
  let isNamed = false;
  const chunk = (value: unknown) => {
    const name = nameOf(value);
    isNamed = name !== undefined;
    return isNamed
      ? encoder.encode(`event: ${name}\ndata: ${JSON.stringify(value)}\n\n`)
      : event(JSON.stringify(value));
  };
  const chunks = stream[Symbol.asyncIterator]();
  const comment = encoder.encode(': the text is on its way\n\n');
  let timer: ReturnType<typeof setInterval> | undefined;
  let isLeft = false;
  return new ReadableStream(
    {
      async pull(controller) {
        timer = setInterval(() => controller.enqueue(comment), heartbeat);
        try {
          const { done, value } = await chunks.next();
          if (isLeft) return;
          if (!done) return controller.enqueue(chunk(value));
          if (shutdown.aborted) throw shutdown.reason;
          if (!isNamed) controller.enqueue(event('[DONE]'));
        } catch (error) {
          if (isLeft) return;
          controller.enqueue(event(JSON.stringify(failure(error))));
        } finally {
          clearInterval(timer);
        }
        ended();
        controller.close();
      },
      cancel() {
        isLeft = true;
        clearInterval(timer);
        left();
        ended();
        stream.controller.abort();
      },
    },
    { highWaterMark: 0 },
  );
}

function nameOf(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
    ? value.type
    : undefined;
}
