// A server of files as they are, such as people put in front of a folder.
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import type { BrowserContext } from 'playwright-core';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
  '.json': 'application/json',
};

const typeOf = (file: string) => types[extname(file)] ?? 'application/octet-stream';

export interface FileServer {
  /** Such as `http://127.0.0.1:1234`. */
  readonly origin: string;
  close(): void;
}

/** Answers a browser's requests below `base` with the files of a folder, as a content delivery network does. */
export async function deliver(context: BrowserContext, base: string, folder: string): Promise<void> {
  await context.route(`${base}**`, (route) => {
    const path = join(folder, route.request().url().slice(base.length));
    const headers = { 'Access-Control-Allow-Origin': '*', 'Content-Type': typeOf(path) };
    return route.fulfill({ path, headers });
  });
}

/** Serves a folder on a port, and so an origin, of its own. */
export async function serveFolder(folder: string, headers: Record<string, string> = {}): Promise<FileServer> {
  const server = createServer(({ url = '/' }, response) => {
    const path = normalize(decodeURIComponent(new URL(url, 'http://server').pathname));
    if (path === '/favicon.ico') return void response.writeHead(204, headers).end(); // browsers ask by themselves
    const file = join(folder, path.endsWith('/') ? `${path}index.html` : path);
    const found = statSync(file, { throwIfNoEntry: false });
    if (!found?.isFile()) return void response.writeHead(404, headers).end('not here');
    response.writeHead(200, { ...headers, 'content-type': typeOf(file), 'content-length': found.size });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
