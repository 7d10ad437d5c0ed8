// Workers of browsers, as the caller's half asks for them.
import { RwkvError } from '../shared/errors.js';
import { startModuleWorker } from '../shared/module-worker.js';
import { withTrustedUrl } from '../shared/trusted.js';
import { startWorker, type WorkerEvents } from './client.js';

// Worklets and edge runtimes have neither.
const { document, location }: { readonly document?: Document; readonly location?: Location } = globalThis;

/** The URL that a source is; relative ones start from the page. Throws what `new URL` throws. */
export const resolveWeb = (source: string | URL) => new URL(source, document?.baseURI ?? location?.href);

/**
 * Starts a worker from a script elsewhere, or as `startOwn` does.
 *
 * @throws RwkvError `unsupported`, with the advice `help`
 */
export function spawnWeb(
  events: WorkerEvents,
  workerUrl: URL | undefined,
  startOwn: () => Worker,
  help: string,
): Worker {
  if (!('Worker' in globalThis)) throw new RwkvError('unsupported', withoutWorker());
  const worker = startWorker(
    () => (workerUrl ? startModuleWorker(workerUrl.href) : withTrustedUrl(startOwn)),
    help,
  );
  worker.onmessage = ({ data }) => events.message(data);
  worker.onmessageerror = () => events.crash('a message could not be read');
  worker.onerror = (event) => {
    event.preventDefault();
    const where = workerUrl ? ` from ${workerUrl.href}` : `; ${help}`;
    events.crash(event.message || `its script could not be loaded${where}`);
  };
  return worker;
}

// Interfaces are known by name in the scopes that they are of, and nowhere else.
function withoutWorker(): string {
  const what = 'models run in a Worker, which';
  const isIn = (scope: string) => scope in globalThis;
  if (isIn('ServiceWorkerGlobalScope')) {
    return `${what} service workers cannot start: load the model in a page, or for an extension's background in an offscreen document (chrome.offscreen), and send it messages`;
  }
  if (isIn('WorkletGlobalScope'))
    return `${what} worklets cannot start: load the model in the page and send it messages`;
  return `${what} this runtime does not have: browsers do in pages and in dedicated and shared workers, and Node, Deno and Bun do`;
}
