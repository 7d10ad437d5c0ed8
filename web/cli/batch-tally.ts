// How far a batch has come.
import { createReadStream } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import { newline } from './batch-input.js';
import { timeLeft } from './terminal.js';

/** What a run came to. */
export interface Tally {
  done: number;
  errors: number;
  /** Done by an earlier run. */
  skipped: number;
  /** Lines of the shard; undefined while they are not counted, and of standard input. */
  total: number | undefined;
  tokens: number;
}

/** What is said of it at the end. */
export function summary({ done, errors, skipped, tokens }: Tally, start: number): string {
  const seconds = (performance.now() - start) / 1000;
  const before = skipped > 0 ? `, ${skipped} were done before` : '';
  const pace = `${tokens} tokens, ${(tokens / seconds).toFixed(1)} tok/s`;
  return `${done} lines done, ${errors} with an error${before}; ${pace}`;
}

/** "40 of 200 lines, 20 %, 12 s left: ", where the total is known. */
export function shareOf({ done, skipped, total }: Tally, start: number): string {
  if (!total) return '';
  const left = timeLeft(done, total - skipped, performance.now() - start);
  return `${done + skipped} of ${total} lines, ${Math.floor((100 * (done + skipped)) / total)} %${left}: `;
}

/** How many lines a file has. */
export async function countLines(path: string, signal: AbortSignal): Promise<number> {
  let lines = 0;
  let last = newline;
  for await (const chunk of addAbortSignal(signal, createReadStream(path))) {
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, at + 1)) lines++;
    last = chunk.at(-1);
  }
  return last === newline ? lines : lines + 1;
}
