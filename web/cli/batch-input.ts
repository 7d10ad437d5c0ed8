// The input of a batch: lines of a stream of any length, and the job that a line describes.
import type { GenerateOptions } from '../api.js';
import { checkGenerateOptions } from '../page/options.js';
import { RwkvError, sentence, unexpected } from '../shared/errors.js';
import { decodeText } from '../shared/text-file.js';

export const newline = 0x0a;
/** Of one line: a file without line breaks is not to fill the memory. */
const mostBytes = 16 * 2 ** 20;

/** A line of a file. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without the line break; null where there are too many. */
  readonly bytes: Uint8Array | null;
  /** Where it begins, in bytes from the start of the file. */
  readonly start: number;
  /** Whether a line break ends it; the last line may have none. */
  readonly isWhole: boolean;
}

/** Which lines are ours: number k belongs to shard ((k - 1) mod count) + 1. */
export interface Shard {
  /** From 1 to `count`. */
  readonly index: number;
  readonly count: number;
}

/** What a line asks for. */
export interface Job {
  readonly prompt: string | readonly number[];
  readonly options: GenerateOptions;
}

/** The lines of a stream. Nothing of it is held but the line that is being read. */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  most: number = mostBytes,
): AsyncGenerator<Line, void, undefined> {
  let number = 0;
  let start = 0;
  let length = 0;
  let parts: Uint8Array[] = [];
  const take = (part: Uint8Array) => {
    length += part.length;
    if (length <= most) parts.push(part);
    else parts = [];
  };
  const line = (isWhole: boolean): Line => {
    const bytes = length <= most ? Buffer.concat(parts) : null;
    const found = { number: ++number, bytes, start, isWhole };
    start += length + 1;
    length = 0;
    parts = [];
    return found;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      take(chunk.subarray(from, end));
      yield line(true);
      from = end + 1;
    }
    take(chunk.subarray(from));
  }
  if (length > 0) yield line(false);
}

/** How many of so many lines belong to a shard. */
export function countOfOurs(lines: number, { index, count }: Shard): number {
  return Math.floor((lines - index) / count) + 1;
}

/** Whether a line belongs to a shard. */
export function isOurs(line: number, { index, count }: Shard): boolean {
  return (line - 1) % count === index - 1;
}

/** The text of a line. `fault` says what it means that there is none. @throws RwkvError `invalid-argument` */
export function textOfLine({ bytes }: Pick<Line, 'bytes'>, fault = 'the line'): string {
  if (bytes === null)
    throw new RwkvError('invalid-argument', `the line is longer than ${mostBytes / 2 ** 20} MiB`);
  return decodeText(fault, bytes, 'invalid-argument').replace(/\r$/, '');
}

/**
 * The object that a line holds.
 *
 * @throws RwkvError `invalid-argument`
 */
export function objectOf(line: Pick<Line, 'bytes'>): Readonly<Record<string, unknown>> {
  const value = parsed<unknown>(line);
  if (isObject(value)) return value;
  throw unexpected('the line', 'an object such as {"id": 1, "prompt": "..."}', value);
}

/** What a line holds, for who checks that it is a T. @throws RwkvError `invalid-argument` */
export function parsed<T>(line: Pick<Line, 'bytes'>): T {
  const text = textOfLine(line, 'the line is not JSON');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RwkvError('invalid-argument', `the line is not JSON: ${sentence(cause)}`);
  }
}

/**
 * The job that an object describes, with `defaults` where it says nothing.
 *
 * @throws RwkvError `invalid-argument` naming the option
 */
export function jobOf(object: Readonly<Record<string, unknown>>, defaults: GenerateOptions): Job {
  const { id: _, prompt, ...said } = object;
  const given: object = said;
  // A half-life stands for the decay.
  const own = 'penaltyHalfLife' in given ? { ...defaults, penaltyDecay: undefined } : defaults;
  const options = { ...own, ...given };
  checkGenerateOptions(options);
  if (typeof prompt === 'string' || Array.isArray(prompt)) return { prompt, options };
  throw unexpected('prompt', 'text or token ids', prompt);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
