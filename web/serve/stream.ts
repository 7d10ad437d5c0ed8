import type { OpenAIStream } from '../adapters/openai-stream.js';

/**
 * The chunks of an answer as server-sent events, `data: [DONE]` behind the last. What goes wrong is an event too: what `failure`
 * makes of it, and then the end. A reader that leaves ends the work.
 */
export function eventStream(
  stream: OpenAIStream<unknown>,
  shutdown: AbortSignal,
  failure: (error: unknown) => object,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const event = (data: string) => encoder.encode(`data: ${data}\n\n`);
  const chunks = stream[Symbol.asyncIterator]();
  let isLeft = false;
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await chunks.next();
          if (isLeft) return;
          if (!done) return controller.enqueue(event(JSON.stringify(value)));
          if (shutdown.aborted) throw shutdown.reason;
          controller.enqueue(event('[DONE]'));
        } catch (error) {
          if (isLeft) return;
          controller.enqueue(event(JSON.stringify(failure(error))));
        }
        controller.close();
      },
      cancel() {
        isLeft = true;
        stream.controller.abort();
      },
    },
    { highWaterMark: 0 },
  );
}
