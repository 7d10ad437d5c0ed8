// What `tune` reads: a text, or a text a line as JSON.
import { createReadStream } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import type { TuneText } from '../api.js';
import { RwkvError } from '../shared/errors.js';
import { linesOf, parsed } from './batch-input.js';
import { asUtf8, readText } from './files.js';

/** A line of a text file that divides its documents. */
const border = /^<\|endoftext\|>[ \t]*\r?$\n?/m;

/** Texts of a file, and which line each comes from. */
export class TuneData {
  readonly #file: string;
  /** Of each text that was read, from 1; of a text file none is told. */
  readonly #lines: number[] = [];

  /** @throws RwkvError `invalid-argument` where the name says nothing of what is in it */
  constructor(file: string) {
    this.#file = file;
    if (!/\.(txt|jsonl)$/i.test(file))
      throw new RwkvError('invalid-argument', `${file}: expected a file whose name ends in .txt or .jsonl`);
  }

  /** @throws RwkvError `read-failed`, `bad-file`, `invalid-argument` naming file and line; the system's errors */
  texts(signal: AbortSignal): Iterable<TuneText> | AsyncIterable<TuneText> {
    return /l$/i.test(this.#file) ? this.#rows(signal) : this.#documents();
  }

  /** `message` of `model.tune`, which calls its texts `called`, with the line of the file instead. */
  placed(message: string, called: string): string {
    if (!message.startsWith(called)) return message;
    const [, at, rest = ''] = /^(?:\[(\d+)\])?\.?(.*)$/s.exec(message.slice(called.length)) ?? [];
    const line = this.#lines[Number(at)];
    return `${this.#file}: ${line === undefined ? '' : `line ${line}: `}${rest.replace(/^: /, '')}`;
  }

  *#documents(): Generator<string, void, undefined> {
    for (const text of readText(this.#file).replaceAll('\r\n', '\n').split(border))
      if (text.trim() !== '') yield text;
  }

  // `model.tune` checks what a line holds.
  async *#rows(signal: AbortSignal): AsyncGenerator<TuneText, void, undefined> {
    const stream = addAbortSignal(signal, createReadStream(this.#file));
    for await (const line of linesOf(asUtf8(stream))) {
      if (line.bytes?.every((byte) => byte <= 0x20)) continue;
      this.#lines.push(line.number);
      try {
        yield parsed(line);
      } catch (error) {
        throw error instanceof RwkvError
          ? new RwkvError(error.code, `${this.#file}: line ${line.number}: ${error.message}`)
          : error;
      }
    }
  }
}
