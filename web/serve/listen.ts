// The socket of the server: opened, and closed without cutting replies short.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { codeOf } from '../shared/realms.js';
import type { App } from './app.js';
import { cutStalled } from './stalled.js';

/** A server that listens. */
export interface Listening {
  /** Where, as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Takes no more connections; resolves when the last reply has ended. */
  close(): Promise<void>;
  /** Ends the connections that are left. */
  cut(): void;
}

const patience = 60_000; // ms for a reader to take something of what there is
const sweep = 50; // ms between two looks for connections that have nothing more to say

/** @throws Error that names the port where it cannot be had */
export async function listen(
  fetch: App['fetch'],
  host: string,
  port: number,
  stall = patience,
): Promise<Listening> {
  const server = createServer(getRequestListener(fetch));
  cutStalled(server, stall);
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new Error(reasonOf(cause, host, port), { cause });
  }
  const address = server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      // A connection that is kept alive would hold the server open for some seconds.
      const timer = setInterval(() => server.closeIdleConnections(), sweep);
      await closed;
      clearInterval(timer);
    },
    cut: () => server.closeAllConnections(),
  };
}

function reasonOf(cause: unknown, host: string, port: number): string {
  const code = codeOf(cause);
  if (code === 'EADDRINUSE')
    return `port ${port} of ${host} is in use: stop what uses it or choose another --port`;
  if (code === 'EACCES') return `port ${port} of ${host} is not allowed here: choose another --port`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `${host} is no address of this machine: choose another --host`;
  return `cannot listen at port ${port} of ${host}`;
}
