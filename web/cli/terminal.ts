// What commands say and hear besides their result: progress, Ctrl-C, standard input.
import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { LoadProgress } from '../protocol.js';

/** What `-q` means to every command. */
export const quantizationHelp =
  'weights in memory: f32, f16, q8 or q4 (default: as a packed file has them, else q8)';

const patience = 300; // ms before progress is worth showing
const interval = 100; // ms between two looks of it

/** A line on stderr that shows how a load is getting on, when someone watches and it takes long enough. */
export function progressLine(stream: NodeJS.WriteStream = process.stderr) {
  const start = performance.now();
  let last = start + patience - interval;
  let shown = false;
  return {
    show({ stage, loaded, total, bytesPerSecond, secondsLeft }: LoadProgress): void {
      const now = performance.now();
      if (!stream.isTTY || now - last < interval) return;
      last = now;
      shown = true;
      const share = total ? ` ${Math.floor((100 * loaded) / total)} %` : '';
      const rate = bytesPerSecond ? `, ${megabytes(bytesPerSecond)}/s` : '';
      const left = secondsLeft === undefined ? '' : `, ${Math.ceil(secondsLeft)} s left`;
      const done = `${megabytes(loaded)}${total ? ` of ${megabytes(total)}` : ''}${share}`;
      stream.write(`\r\x1b[K${stage} ${done}${rate}${left}`);
    },
    clear(): void {
      if (shown) stream.write('\r\x1b[K');
    },
  };
}

/** A signal that Ctrl-C aborts, once; a second Ctrl-C ends the process as usual. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  return controller.signal;
}

/** All of standard input, less the line break that `echo` puts at its end. @throws AbortError */
export async function readStdin(signal: AbortSignal): Promise<string> {
  return (await text(addAbortSignal(signal, process.stdin))).replace(/\r?\n$/, '');
}

/** "158.3 MB" */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
