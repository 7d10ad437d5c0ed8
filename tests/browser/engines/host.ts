// A static host as most are: files under a sub-path, types by their endings, no header that was not asked for.
import { createReadStream, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
};

export interface Host {
  /** Of the site; ends with a slash. */
  readonly url: string;
  /** Bytes that were sent since it began. */
  sent(): number;
  /** Serves other files from now on. */
  serve(folder: string): void;
  /** As if the network were gone: nobody answers on the port. */
  cut(): Promise<void>;
}

export async function startHost(
  folder: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Host> {
  const under = '/some/where/';
  let root = folder;
  let sent = 0;
  const answer = (path: string, response: ServerResponse) => {
    const name = path.endsWith('/') ? `${path}index.html` : path;
    const file = join(root, normalize(`/${name.slice(under.length)}`));
    const found = path.startsWith(under) ? statSync(file, { throwIfNoEntry: false }) : undefined;
    if (!found?.isFile()) {
      response.writeHead(404, headers).end();
      return;
    }
    const type = types[extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': found.size });
    sent += found.size;
    createReadStream(file).pipe(response);
  };
  const server = createServer(({ url = '/' }, response) =>
    answer(decodeURIComponent(new URL(url, 'http://host').pathname), response),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the host has no port');
  return {
    url: `http://127.0.0.1:${address.port}${under}`,
    sent: () => sent,
    serve(other) {
      root = other;
    },
    async cut() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
