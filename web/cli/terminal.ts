// What commands say and hear besides their result: colours, progress, Ctrl-C, standard input.
import { setMaxListeners } from 'node:events';
import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { decodeText } from '../shared/text-file.js';
import type { LoadProgress, ReadProgress } from '../shared/types.js';

const patience = 300; // ms before progress is worth showing
const interval = 100; // ms between two looks of it
const barWidth = 20;

/** SGR codes of a terminal: what begins a style and what ends it. `util.styleText` is younger than the oldest Node 20. */
const styles = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], cyan: [36, 39] } as const;

/** `text` in a style, where `stream` is a terminal that shows colours and NO_COLOR does not forbid them. */
export function paint(style: keyof typeof styles, text: string, stream: NodeJS.WriteStream): string {
  if (!stream.isTTY || !stream.hasColors(16)) return text;
  const [begin, end] = styles[style];
  return `\x1b[${begin}m${text}\x1b[${end}m`;
}

/** A line on stderr that tells how something is getting on, when someone watches and it takes long enough. */
export function statusLine(stream: NodeJS.WriteStream = process.stderr) {
  let last = performance.now() + patience - interval;
  let shown = false;
  return {
    show(status: () => string): void {
      const now = performance.now();
      if (!stream.isTTY || now - last < interval) return;
      last = now;
      shown = true;
      // A line that wraps could not be written over.
      stream.write(`\r\x1b[K${status().slice(0, (stream.columns || 80) - 1)}`);
    },
    clear(): void {
      if (shown) stream.write('\r\x1b[K');
      shown = false;
    },
  };
}

/** The status line of a load. */
export function progressLine(stream?: NodeJS.WriteStream) {
  const line = statusLine(stream);
  return {
    show({ stage, loaded, total, bytesPerSecond, secondsLeft }: LoadProgress): void {
      line.show(() => {
        const share = total ? ` of ${megabytes(total)} ${Math.floor((100 * loaded) / total)} %` : '';
        const rate = bytesPerSecond ? `, ${megabytes(bytesPerSecond)}/s` : '';
        const left = secondsLeft === undefined ? '' : `, ${Math.ceil(secondsLeft)} s left`;
        return `${stage} ${megabytes(loaded)}${share}${rate}${left}`;
      });
    },
    clear: line.clear,
  };
}

/** The status line of a text that is read. */
export function readingLine(stream?: NodeJS.WriteStream) {
  const line = statusLine(stream);
  const start = performance.now();
  return {
    show({ tokens, total }: ReadProgress): void {
      line.show(() => {
        const left = timeLeft(tokens, total, performance.now() - start);
        return `${bar(tokens / total)} ${Math.floor((100 * tokens) / total)} %, ${tokens} of ${total} tokens${left}`;
      });
    },
    clear: line.clear,
  };
}

/** "[######--------------]" */
function bar(share: number): string {
  return `[${'#'.repeat(Math.floor(share * barWidth)).padEnd(barWidth, '-')}]`;
}

/** ", 12 s left" where `done` of `total` took `ms`; nothing where nothing is done yet. */
export function timeLeft(done: number, total: number, ms: number): string {
  if (done === 0) return '';
  const seconds = Math.ceil((ms * (total - done)) / done / 1000);
  if (seconds < 120) return `, ${seconds} s left`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `, ${minutes} min left` : `, ${Math.ceil(minutes / 60)} h left`;
}

let interruptedWith: number | undefined;

/**
 * A signal that Ctrl-C or SIGTERM aborts, once; a second one ends the process as usual. `interruptCode` then tells the
 * exit code.
 */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal); // each of many calls at a time hears it
  const interrupt = (code: number) => {
    interruptedWith = code;
    controller.abort();
  };
  process.once('SIGINT', () => interrupt(130));
  process.once('SIGTERM', () => interrupt(143));
  return controller.signal;
}

/** The exit code that a shell gives to what a signal ended: 128 and the signal's number. Undefined where none came. */
export function interruptCode(): number | undefined {
  return interruptedWith;
}

/** All of standard input, less the line break that `echo` puts at its end. @throws AbortError; RwkvError `bad-file` as `readText` */
export async function readStdin(signal: AbortSignal): Promise<string> {
  const bytes = await buffer(addAbortSignal(signal, process.stdin));
  return decodeText('standard input', bytes).replace(/\r?\n$/, '');
}

/** "158.3 MB" */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
