// The output of a batch: a file that only grows by whole lines, so that a process that was killed at any moment can be
// followed by another that goes on.
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { CompletionResult } from '../api.js';
import { RwkvError } from '../shared/errors.js';
import { isOurs, type Line, linesOf, objectOf, type Shard } from './batch-input.js';
import { writeWhole } from './files.js';

/** What each line begins with: by it a line that was cut off is known from a file of somebody else. */
const beginning = '{"line":';
const mostLines = 2 ** 31; // of one shard

/** A line of the output. `line` is the number of the input line, and comes first. */
export interface Answer {
  readonly line: number;
  readonly id: unknown;
  readonly usage?: CompletionResult['usage'];
  readonly error?: { readonly code: string; readonly message: string };
  readonly [more: string]: unknown;
}

export class Output {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #shard: Shard;
  /** Of each line that is done, in the order of the shard: a hash of its id; 0 where it is not done. */
  #hashes = new Uint32Array(1024);
  #size = 0;
  #errors = 0;
  readonly #waiting: string[] = [];
  #writing: Promise<void> | undefined;

  private constructor(path: string, file: FileHandle, shard: Shard) {
    this.#path = path;
    this.#file = file;
    this.#shard = shard;
  }

  /**
   * Opens a file, made if it is not there, reads which lines are done, and cuts off a last line that was not finished.
   * `retriesErrors` takes the lines with an error out of it: they are not done.
   *
   * @throws RwkvError `bad-file` where it holds what no batch wrote, `invalid-argument` where it belongs to another shard;
   * both leave it as it is. The system's errors.
   */
  static async open(path: string, shard: Shard, retriesErrors = false): Promise<Output> {
    const file = await open(path, 'a+');
    try {
      if (!(await file.stat()).isFile())
        throw new RwkvError('invalid-argument', `${path}: expected a file that can be read again`);
      const output = new Output(path, file, shard);
      await output.#readDone();
      if (!retriesErrors || output.#errors === 0) return output;
      await file.close();
      await writeWhole(path, linesWithoutError(path));
      return Output.open(path, shard);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Lines of the file that tell an error. */
  get errors(): number {
    return this.#errors;
  }

  isDone(line: number): boolean {
    return (this.#hashes[this.#place(line)] ?? 0) !== 0;
  }

  /** Whether the answer to a line that is done has this id. */
  hasId(line: number, id: unknown): boolean {
    return this.#hashes[this.#place(line)] === hashOf(id);
  }

  /**
   * Adds a line; resolves when it is on the disk.
   *
   * @throws RwkvError `invalid-argument` where another process writes to the file. The system's errors.
   */
  append(answer: Answer): Promise<void> {
    if (answer.error) this.#errors++;
    this.#waiting.push(`${JSON.stringify(answer)}\n`);
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async close(): Promise<void> {
    await this.#writing?.catch(() => {}); // who appended hears of it
    await this.#file.close();
  }

  // Lines that come while others are being written go together.
  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const bytes = Buffer.from(this.#waiting.splice(0).join(''));
      if ((await this.#file.stat()).size !== this.#size)
        throw new RwkvError(
          'invalid-argument',
          `${this.#path}: another process writes to it; each shard needs a file of its own, such as out-%i.jsonl`,
        );
      await this.#file.appendFile(bytes);
      await this.#file.datasync();
      this.#size += bytes.length;
    }
  }

  async #readDone(): Promise<void> {
    for await (const line of linesOf(createReadStream(this.#path), Infinity)) {
      if (!line.isWhole) return this.#cut(line);
      const { line: number, id, error } = this.#read(line);
      if (error !== undefined) this.#errors++;
      const place = this.#place(number);
      if (place >= this.#hashes.length) this.#grow(place);
      this.#hashes[place] = hashOf(id);
      this.#size = line.start + (line.bytes?.length ?? 0) + 1;
    }
  }

  #read(line: Line): { line: number; id: unknown; error: unknown } {
    const { line: number, id, error } = this.#objectOf(line);
    const where = `${this.#path}: line ${line.number}`;
    if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 1)
      throw new RwkvError('bad-file', `${where} was not written by a batch: it has no "line"`);
    const { index, count } = this.#shard;
    if (!isOurs(number, this.#shard) || this.#place(number) >= mostLines)
      throw new RwkvError(
        'invalid-argument',
        `${where} answers line ${number} of the input, which is not of shard ${index}/${count}; ` +
          'each shard needs a file of its own, such as out-%i.jsonl',
      );
    if (this.isDone(number))
      throw new RwkvError('bad-file', `${where} answers line ${number} of the input a second time`);
    return { line: number, id, error };
  }

  #objectOf(line: Line): Readonly<Record<string, unknown>> {
    try {
      return objectOf(line);
    } catch (cause) {
      throw new RwkvError('bad-file', `${this.#path}: line ${line.number} was not written by a batch`, {
        cause,
      });
    }
  }

  async #cut({ bytes, start, number }: Line): Promise<void> {
    const text = bytes === null ? beginning : Buffer.from(bytes.subarray(0, beginning.length)).toString();
    if (!beginning.startsWith(text))
      throw new RwkvError('bad-file', `${this.#path}: line ${number} was not written by a batch`);
    await this.#file.truncate(start);
    this.#size = start;
  }

  #grow(place: number): void {
    const hashes = new Uint32Array(2 ** Math.ceil(Math.log2(place + 1)));
    hashes.set(this.#hashes);
    this.#hashes = hashes;
  }

  #place(line: number): number {
    return Math.floor((line - 1) / this.#shard.count);
  }
}

async function* linesWithoutError(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const line of linesOf(createReadStream(path), Infinity)) {
    const { error } = objectOf(line);
    if (error === undefined) yield Buffer.concat([line.bytes ?? Buffer.of(), Buffer.from('\n')]);
  }
}

/** 32 bits of an id, never 0 (FNV-1a): enough to notice that the input is not what it was. */
function hashOf(id: unknown): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(JSON.stringify(id ?? null))) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0 || 1;
}
