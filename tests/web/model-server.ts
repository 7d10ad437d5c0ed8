// A server as bad as the network: real HTTP with ranges and validators, and lines that drop where a test wants it.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

export interface ServedFile {
  body: Uint8Array;
  /** `null`: none. Default: made of the bytes. */
  etag?: string | null;
  lastModified?: string;
  /** Whether ranges are answered. Default true. */
  ranges?: boolean;
  /** Of each answer in turn: bytes after which the line drops; behind the last they are whole. */
  drops?: number[];
  /** Of all answers: the length that the header tells instead of the true one; `null`: none. */
  length?: number | null;
  type?: string;
  /** Answers this instead. */
  status?: number;
  /** Compresses the answer. */
  gzip?: boolean;
  /** Sends the reader there. */
  location?: string;
  /** Waits so many ms between pieces of 64 KB. */
  slow?: number;
}

export interface Asked {
  readonly path: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly authorization: string | undefined;
  readonly status: number;
}

export interface ModelServer {
  readonly site: string;
  readonly files: Map<string, ServedFile>;
  /** What was asked, in order. */
  readonly asked: Asked[];
  close(): Promise<void>;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes without a pattern but for their beginning, which is that of a .pth file; the same each time. */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes[i] = x >>> 24;
  }
  bytes.write('PK\x03\x04');
  return bytes;
}

/** `headers` come with every answer. */
export async function modelServer(headers: Record<string, string> = {}): Promise<ModelServer> {
  const files = new Map<string, ServedFile>();
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const file = files.get(request.url?.split('?')[0] ?? '');
    const status = file ? answer(file, request, response) : response.writeHead(404).end('no').statusCode;
    const { range, 'if-range': ifRange, authorization } = request.headers;
    asked.push({ path: request.url ?? '', range, ifRange: ifRange?.toString(), authorization, status });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    site: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    files,
    asked,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(file: ServedFile, request: IncomingMessage, response: ServerResponse): number {
  const { body, etag = `"${sha256(file.body).slice(0, 16)}"`, lastModified, ranges = true } = file;
  if (file.location !== undefined)
    return response.writeHead(302, { location: file.location }).end().statusCode;
  if (etag !== null) response.setHeader('etag', etag);
  if (lastModified !== undefined) response.setHeader('last-modified', lastModified);
  if (file.gzip) {
    const packed = gzipSync(body);
    return response
      .writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length })
      .end(packed).statusCode;
  }
  response.setHeader('content-type', file.type ?? 'application/octet-stream');
  const { range, 'if-range': condition } = request.headers;
  const isSame = condition === undefined || condition === etag || condition === lastModified;
  const asked = ranges && isSame ? /^bytes=(\d+)-$/.exec(range ?? '') : null;
  const start = Number(asked?.[1] ?? 0);
  if (start > 0 && start >= body.length)
    return response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end().statusCode;
  if (asked) response.setHeader('content-range', `bytes ${start}-${body.length - 1}/${body.length}`);
  const length = file.length === undefined ? body.length - start : file.length;
  if (length !== null) response.setHeader('content-length', length);
  if (file.length) response.setHeader('connection', 'close'); // or the reader would wait for the rest
  response.writeHead(file.status ?? (asked ? 206 : 200));
  void send(response, body.subarray(start), file.drops?.shift(), file.slow);
  return response.statusCode;
}

async function send(response: ServerResponse, bytes: Uint8Array, drop = Infinity, slow = 0): Promise<void> {
  async function* pieces() {
    const piece = 1 << 16;
    const end = Math.min(bytes.length, drop);
    for (let at = 0; at < end; at += piece) {
      yield bytes.subarray(at, Math.min(at + piece, end));
      if (slow > 0) await sleep(slow);
    }
  }
  const isWhole = drop === Infinity;
  await pipeline(pieces, response, { end: isWhole }).catch(() => {}); // readers may leave
  if (!isWhole) setTimeout(() => response.destroy(), 50); // what was written gets there first
}
