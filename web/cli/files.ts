// Files that commands read and write whole.
import { readFileSync } from 'node:fs';
import { open, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RwkvError, sentence } from '../shared/errors.js';
import { decodeText, encodingOf, markBytes } from '../shared/text-file.js';
import { renameForGood } from '../store/node/files.js';
import { isRunning } from '../store/node/processes.js';

/** The text of a file. @throws RwkvError `read-failed`; `bad-file` where it is not in UTF-8, nor marked as UTF-16 */
export function readText(file: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new RwkvError('read-failed', sentence(cause), { cause });
  }
  return decodeText(file, bytes);
}

/**
 * A stream of text in UTF-8, whatever it was in by its mark, which goes. What is broken stays so in UTF-8, and is U+FFFD of
 * UTF-16.
 */
export async function* asUtf8(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let start: Uint8Array | undefined = new Uint8Array();
  let convert = (chunk: Uint8Array, _isOver: boolean) => chunk;
  const begin = (bytes: Uint8Array) => {
    start = undefined;
    const encoding = encodingOf(bytes);
    const decoder = new TextDecoder(encoding);
    if (encoding !== 'utf-8')
      convert = (chunk, isOver) => Buffer.from(decoder.decode(chunk, { stream: !isOver }));
    else if (Buffer.from(bytes.subarray(0, 3)).equals(utf8Mark)) return bytes.subarray(3);
    return convert(bytes, false);
  };
  for await (const chunk of chunks) {
    if (start) start = Buffer.concat([start, chunk]);
    if (!start) yield convert(chunk, false);
    else if (start.length >= markBytes) yield begin(start);
  }
  if (start) yield begin(start);
  yield convert(new Uint8Array(), true);
}

const utf8Mark = Uint8Array.of(0xef, 0xbb, 0xbf);

/** Writes a file, or leaves what was there: at no moment is there a part of it. Throws the system's error. */
export async function writeWhole(file: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  await removeAbandoned(file);
  const partial = `${file}.${process.pid}.part`;
  const target = await open(partial, 'wx');
  try {
    await writeFile(target, bytes);
    await target.sync();
    await target.close();
    await renameForGood(partial, file);
  } catch (error) {
    await target.close().catch(() => {});
    await rm(partial, { force: true });
    throw error;
  }
}

// What processes that were killed have left of it.
async function removeAbandoned(file: string): Promise<void> {
  const folder = dirname(file);
  const names = await readdir(folder).catch(() => []); // the writing tells what is wrong
  for (const name of names) {
    const [, pid] = /\.(\d+)\.part$/.exec(name) ?? [];
    if (pid === undefined || name !== `${basename(file)}.${pid}.part` || (await isRunning(Number(pid))))
      continue;
    await rm(join(folder, name), { force: true });
  }
}
