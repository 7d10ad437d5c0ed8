// Workers of Node, as the caller's half asks for them.
import { pathToFileURL } from 'node:url';
import type { Worker, WorkerOptions } from 'node:worker_threads';
import { endingOf, isDeviceMessage } from './node-device.js';
import { startWorker, type WorkerEvents, type WorkerLike } from './page/client.js';

/** It is plain JavaScript: flags of the caller, such as --input-type, are not for it. */
const options: WorkerOptions = { execArgv: [] };

/** The URL that a source is: of a path, or a `file:` one. Throws an Error that says what was expected. */
export function resolveNode(source: string | URL): URL {
  const text = String(source);
  if (/^file:/i.test(text)) return new URL(text);
  if (/^[a-z][a-z0-9+.-]+:/i.test(text)) throw new Error('expected a path or a file: URL');
  return pathToFileURL(text);
}

/**
 * Starts a worker as `start` does, with the options that it is given.
 *
 * @throws RwkvError `unsupported`, with the advice `help`
 */
export function spawnNode(
  events: WorkerEvents,
  start: (options: WorkerOptions) => Worker,
  help: string,
): WorkerLike {
  const worker = startWorker(() => start(options), help);
  worker.unref(); // a script that forgets to dispose still ends
  let end: () => Promise<unknown> = () => worker.terminate();
  worker.on('message', (message) => {
    if (isDeviceMessage(message)) end = endingOf(worker, message);
    else events.message(message);
  });
  worker.on('messageerror', (error) => events.crash(error.message));
  worker.on('error', (error) => events.crash(isMissing(error) ? `${error.message}; ${help}` : error.message));
  worker.on('exit', (code) => events.crash(`it ended with code ${code}`));
  return {
    postMessage: (message, transfer) => worker.postMessage(message, transfer),
    terminate: () => end(),
    hold: (busy) => (busy ? worker.ref() : worker.unref()),
  };
}

function isMissing(error: Error): boolean {
  return 'code' in error && /MODULE_NOT_FOUND$/.test(String(error.code));
}
