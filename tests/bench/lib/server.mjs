// Serves the repository's folder to a browser on this machine, isolated as threads need it.
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { home } from './models.mjs';

const types = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript' };
Object.assign(types, { '.wasm': 'application/wasm', '.json': 'application/json' });
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** `pages`: HTML by path. Answers the site's address, which ends in a slash, and how to `close` it. Browsers keep files where `isKept`. */
export async function serve(pages, isKept = false) {
  const cacheControl = isKept ? 'max-age=3600' : 'no-store';
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const answer = (status, type, length) =>
      response.writeHead(status, {
        ...headers,
        'Cache-Control': cacheControl,
        'Content-Type': type,
        'Content-Length': length,
      });
    if (path in pages) return answer(200, 'text/html', Buffer.byteLength(pages[path])).end(pages[path]);
    const file = join(home, normalize(path));
    const found = statSync(file, { throwIfNoEntry: false });
    if (!found?.isFile()) return answer(404, 'text/plain', 0).end();
    answer(200, types[extname(file)] ?? 'application/octet-stream', found.size);
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
  return { site: `http://127.0.0.1:${server.address().port}/`, close };
}
