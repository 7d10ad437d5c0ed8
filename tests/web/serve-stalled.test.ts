// Readers that stop reading.
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Listening, listen } from '../../dist/serve/listen.js';

const stall = 200; // ms
const pieces = { stalled: 0, slow: 0 };
let isEnded = () => {};
const ended = new Promise<void>((resolve) => {
  isEnded = resolve;
});
let server: Listening;

// As fast as it is taken, and without end but for whoever reads slowly.
function endless(name: keyof typeof pieces): Response {
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (name === 'slow' && pieces.slow++ === 60) controller.close();
        else controller.enqueue(new Uint8Array(2 ** 16));
      },
      cancel: () => isEnded(),
    },
    { highWaterMark: 0 },
  );
  return new Response(body);
}

beforeAll(async () => {
  server = await listen(
    (request) => endless(request.url.includes('slow') ? 'slow' : 'stalled'),
    '127.0.0.1',
    0,
    stall,
  );
});
afterAll(async () => {
  server.cut();
  await server.close();
});

const ask = async (path: string) => {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);
  return socket;
};

test('one who takes nothing is left, and the work for him ends', async () => {
  const socket = await ask('/');
  await once(socket, 'readable');
  await ended;
  socket.destroy();
});

test('one who reads slowly gets all', async () => {
  const socket = await ask('/slow');
  let bytes = 0;
  for await (const piece of socket) {
    bytes += piece.length;
    if (bytes % 8 === 0) await new Promise((resolve) => setTimeout(resolve, stall / 20));
  }
  expect(bytes).toBeGreaterThan(60 * 2 ** 16);
});
