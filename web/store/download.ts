// A download: bytes from the network into a sink, resumed where they broke off, checked while they pass.
import { RwkvError } from '../shared/errors.js';
import type { Address, Remote } from '../shared/protocol.js';
import { quotaExceeded } from './host-errors.js';
import { type Answer, canResume, Dropped, request, Unreached, type Validators } from './http.js';
import { askedWords, foreign, headBytes } from './recognise.js';
import type { Hasher, Sha256, Sink } from './shelf.js';
import { concatenate } from './sources.js';

/** What is fetched, and who hears of it. */
export interface Download extends Remote {
  /** In hexadecimal; `null`: not checked. */
  readonly sha256: string | null;
  /** Of what the sink holds. */
  readonly known: Validators;
  /** Whether a browser's HTTP cache may keep a copy. */
  readonly cache: 'default' | 'no-store';
  /** Writes down what the bytes that follow are of, before the first of them. */
  remember(validators: Validators): Promise<void>;
  /** Bytes that may be written. */
  room(): Promise<number | undefined>;
  report(loaded: number, total: number | undefined): void;
  /** What starts a sum. */
  startSum(): Promise<Sha256>;
}

/** Waits before the next try, in ms. So many tries in a row may bring nothing. */
const pauses: readonly number[] = [250, 500, 1000];

/**
 * Fills the sink with all bytes of the file. Bytes that came stay in the sink when the line breaks for good.
 *
 * @throws RwkvError `read-failed`, `bad-file` for what is no such file, `hash-mismatch`, `quota-exceeded`
 */
export async function fill(sink: Sink, download: Download): Promise<void> {
  let { known } = download; // of what the sink holds
  const remember = (found: Validators) => {
    known = found;
    return download.remember(found);
  };
  const failed: RwkvError[] = [];
  for (const address of download.from) {
    try {
      return await fillFrom(address, sink, { ...download, known, remember });
    } catch (error) {
      if (!(error instanceof RwkvError) || error.code === 'quota-exceeded') throw error;
      failed.push(error);
    }
  }
  const last = failed.at(-1);
  if (!last || failed.length === 1) throw last;
  const all = failed.map(({ message }) => message).join('; then ');
  const advice = 'a copy that was fetched by hand serves as well, by its path or URL';
  throw new RwkvError(last.code, `${all}; ${advice}`, { cause: last });
}

async function fillFrom(address: Address, sink: Sink, download: Download): Promise<void> {
  const { url } = address;
  const { sha256 } = download;
  const startSum = sha256 === null ? undefined : await download.startSum();
  const hadBytes = sink.size > 0;
  const sum = await fetchAll(address, sink, download, startSum);
  if (sum === sha256) return;
  await sink.empty();
  // Bytes of an earlier try are the likeliest to be wrong, so there is a second one without them.
  if (hadBytes && (await fetchAll(address, sink, { ...download, known: {} }, startSum)) === sha256) return;
  await sink.empty();
  throw new RwkvError(
    'hash-mismatch',
    `${url}: expected the SHA-256 ${sha256}; the bytes that came have ${sum}`,
  );
}

// Try after try until all is there; the sum of all bytes.
async function fetchAll(
  address: Address,
  sink: Sink,
  download: Download,
  startSum: Sha256 | undefined,
): Promise<string | null> {
  const { url } = address;
  let { known } = download;
  let hasher = startSum?.();
  if (canResume(known)) sumUp(sink, hasher);
  else await sink.empty();
  let most = sink.size; // how far any try came
  let isReached = false;
  for (let failures = 0; known.total === undefined || sink.size !== known.total; ) {
    try {
      const answer = await request(address, sink.size, known, download.cache);
      isReached = true;
      const first =
        answer && (answer.start === 0 ? await recognised(answer, url, download) : await answer.next());
      if (!answer || answer.start === 0) {
        await sink.empty();
        hasher = startSum?.();
      }
      if (!answer) {
        known = {};
        continue; // what is there belongs to another content: from the start
      }
      const { etag, lastModified, total } = answer;
      known = {
        ...(etag && { etag }),
        ...(lastModified && { lastModified }),
        ...(total !== undefined && { total }),
      };
      if (total !== undefined && total !== (download.bytes ?? total)) {
        await answer.cancel();
        const what = `expected a file of ${download.bytes} bytes; the server has one of ${total}`;
        throw new RwkvError('hash-mismatch', `${url}: ${what}`);
      }
      await checkRoom(sink, known, answer, download);
      await download.remember(known);
      await receive(sink, answer, first, hasher, download);
      if (total === undefined || sink.size === total) break;
      throw new Dropped(`the server ended it`);
    } catch (cause) {
      if (!(cause instanceof Dropped)) throw cause;
      if (cause instanceof Unreached && !isReached) throw broken(url, sink, known, cause);
      failures = sink.size > most ? 0 : failures + 1;
      most = Math.max(most, sink.size);
      const pause = pauses[failures - 1] ?? (failures === 0 ? pauses[0] : undefined);
      if (pause === undefined) throw broken(url, sink, known, cause);
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (!canResume(known)) {
        await sink.empty();
        hasher = startSum?.();
      }
    }
  }
  return hasher?.digest() ?? null;
}

async function receive(
  sink: Sink,
  answer: Answer,
  first: Uint8Array | undefined,
  hasher: Hasher | undefined,
  { report }: Download,
): Promise<void> {
  report(sink.size, answer.total);
  try {
    for (let bytes = first; bytes; bytes = await answer.next()) {
      await sink.write(bytes);
      hasher?.update(bytes);
      report(sink.size, answer.total);
    }
  } catch (cause) {
    await answer.cancel();
    throw cause;
  }
}

const pieceBytes = 4 * 2 ** 20;

/** Adds what the sink or source holds to a sum. */
export function sumUp(file: Pick<Sink, 'size' | 'read'>, hasher: Hasher | undefined): void {
  for (let offset = 0; hasher && offset < file.size; offset += pieceBytes) {
    const piece = new Uint8Array(Math.min(pieceBytes, file.size - offset));
    file.read(offset, piece);
    hasher.update(piece);
  }
}

// The first bytes of a file, when they can be what was asked for.
async function recognised(answer: Answer, url: string, { asked }: Download): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  let isWhole = false;
  while (size < headBytes && !isWhole) {
    const piece = await answer.next();
    if (piece) pieces.push(piece);
    else isWhole = true;
    size += piece?.length ?? 0;
  }
  const head = concatenate(pieces);
  if (!/^https?:/i.test(url)) return head; // nobody has sent it
  const found = foreign(asked, head, isWhole);
  if (found === undefined) return head;
  await answer.cancel();
  const advice = /\/(blob|raw)\//.test(url) ? '; the file itself has an address with /resolve/' : '';
  throw new RwkvError('bad-file', `${url}: expected ${askedWords[asked]}; the server sent ${found}${advice}`);
}

async function checkRoom(sink: Sink, known: Validators, answer: Answer, download: Download): Promise<void> {
  try {
    await assertRoom(sink, (known.total ?? 0) - sink.size, download.url, download.room);
  } catch (error) {
    await answer.cancel();
    throw error;
  }
}

/** @throws RwkvError `quota-exceeded`, or what the host throws, where so many bytes more will not fit */
export async function assertRoom(
  sink: Sink,
  needed: number,
  name: string,
  findRoom: () => Promise<number | undefined>,
): Promise<void> {
  if (needed <= 0) return;
  const room = await findRoom();
  if (room !== undefined && room < needed)
    throw quotaExceeded(name, `${needed} bytes are needed; there is room for ${room}`);
  sink.reserve?.(needed);
}

function broken(url: string, sink: Sink, { total }: Validators, { message, cause }: Dropped): RwkvError {
  const where = sink.size === 0 ? '' : `the download ended at byte ${sink.size} of ${total ?? 'unknown'}: `;
  return new RwkvError('read-failed', `${url}: ${where}${message}`, { cause });
}
