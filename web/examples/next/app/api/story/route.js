// A story that the server tells, as it comes: one model for all requests.
import { RWKV } from 'rwkv-wasm';

let loading;

async function* story(signal) {
  loading ??= RWKV.load();
  const session = await (await loading).createSession({ seed: 7 });
  try {
    yield* session.complete('Once upon a time', { echo: true, maxTokens: 60, signal });
  } finally {
    await session.dispose();
  }
}

export function GET({ signal }) {
  return new Response(ReadableStream.from(story(signal)).pipeThrough(new TextEncoderStream()));
}
