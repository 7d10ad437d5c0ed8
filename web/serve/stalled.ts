// Readers that stop reading: what waits for them to be written holds memory and a place among the texts that are generated.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Ends connections of which nothing was taken for `patience` ms, though there is something to take. */
export function cutStalled(server: Server, patience: number): void {
  const open = new Set<Socket>();
  /** Connections with something to take: how much had been taken, and since when. */
  const waiting = new WeakMap<Socket, { readonly written: number; readonly since: number }>();
  const look = (socket: Socket) => {
    const written = socket.bytesWritten - socket.writableLength;
    const before = waiting.get(socket);
    if (socket.writableLength === 0) waiting.delete(socket);
    else if (before?.written !== written) waiting.set(socket, { written, since: performance.now() });
    else if (performance.now() - before.since >= patience) socket.destroy();
  };
  const timer = setInterval(() => open.forEach(look), patience / 4);
  timer.unref();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  server.on('close', () => clearInterval(timer));
}
