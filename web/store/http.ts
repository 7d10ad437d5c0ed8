// One request for a file or for the rest of it, and what its answer tells.
import { RwkvError, sentence } from '../shared/errors.js';
import type { Address } from '../shared/protocol.js';
import { adviceFor } from './hub.js';

/** What tells one content of a URL from the next. */
export interface Validators {
  readonly etag?: string;
  readonly lastModified?: string;
  /** Bytes of the whole file. */
  readonly total?: number;
}

/** The beginning of an answer. */
export interface Answer extends Validators {
  /** The bytes start here: where they were asked from, or 0 where the server sends the file from its start. */
  readonly start: number;
  /** The next bytes; `undefined` behind the last. Throws `Dropped`. */
  next(): Promise<Uint8Array | undefined>;
  /** Ends the transfer. */
  cancel(): Promise<void>;
}

/** The line broke, or the server asks for patience: trying again may help. */
export class Dropped extends Error {}

/** There was no line. */
export class Unreached extends Dropped {}

/** Servers that answer so may answer otherwise a second later. */
const passing: readonly number[] = [429, 502, 503, 504];

/** Whether what is there of a file can be told from another content of its URL, so that the rest may be asked for. */
export function canResume({ etag, lastModified }: Validators): boolean {
  return etag !== undefined || lastModified !== undefined;
}

/**
 * Asks for the bytes of a file from `start` on; an answer that is not the rest of the same content gives `undefined`.
 * `cache`: whether the HTTP cache of a browser keeps a copy.
 *
 * @throws Dropped saying why, without the URL
 * @throws RwkvError `read-failed` naming the URL and what the server answered
 */
export async function request(
  address: Address,
  start: number,
  known: Validators,
  cache: 'default' | 'no-store',
): Promise<Answer | undefined> {
  const { url, hub } = address;
  const headers = {
    ...(start > 0 && rangeHeaders(url, start, known)),
    // A redirect to another origin goes without it: fetch sees to that.
    ...(hub?.token && { authorization: `Bearer ${hub.token}` }),
  };
  const response = await get(address, { headers, cache }, start > 0);
  if (response.status === 416) return cancel(response);
  const found = validatorsOf(response);
  if (start === 0 || response.status !== 206) return answerOf(response, found, 0);
  const [, first, total] =
    /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '') ?? [];
  const length = found.total;
  const whole = total === undefined || total === '*' ? length && start + length : Number(total);
  const isRest = first === undefined || Number(first) === start;
  const isSame = isSameContent(known, found) && (known.total ?? whole) === (whole ?? known.total);
  if (!isRest || !isSame) return cancel(response);
  return answerOf(response, { ...found, ...(whole !== undefined && { total: whole }) }, start);
}

/**
 * Gets a file of the package.
 *
 * @throws RwkvError `read-failed`
 */
export async function getFile(url: string): Promise<Response> {
  try {
    return await get({ url }, {});
  } catch (cause) {
    if (cause instanceof Dropped) throw new RwkvError('read-failed', `${url}: ${cause.message}`, { cause });
    throw cause;
  }
}

async function get({ url, hub }: Address, init: RequestInit, isRange = false): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (cause) {
    throw new Unreached(`${offlineNote()}${sentence(cause)}`, { cause });
  }
  if (response.ok || (isRange && response.status === 416)) return response;
  await cancel(response);
  const answer = `the server answered ${response.status} ${response.statusText}`.trim();
  throw passing.includes(response.status)
    ? new Dropped(answer)
    : new RwkvError('read-failed', `${url}: ${answer}${hub ? adviceFor(response.status, hub) : ''}`);
}

function offlineNote(): string {
  return globalThis.navigator?.onLine === false ? 'the machine is offline: ' : '';
}

// `If-Range` makes the server choose between the rest and the whole. Another origin would have to allow it first, so
// there the answer's own validators decide alone.
function rangeHeaders(
  url: string,
  start: number,
  { etag, lastModified }: Validators,
): Record<string, string> {
  const strong = etag?.startsWith('W/') ? undefined : etag;
  const condition = strong ?? lastModified;
  const isOwn = globalThis.location === undefined || new URL(url).origin === location.origin;
  return { range: `bytes=${start}-`, ...(condition !== undefined && isOwn && { 'if-range': condition }) };
}

function isSameContent(known: Validators, found: Validators): boolean {
  if (known.etag !== undefined && found.etag !== undefined) return known.etag === found.etag;
  return known.lastModified !== undefined && known.lastModified === found.lastModified;
}

// Of a compressed answer the length counts something else, and its parts cannot be put together.
function validatorsOf({ headers }: Response): Validators {
  if (headers.has('content-encoding')) return {};
  const [etag, lastModified, length] = ['etag', 'last-modified', 'content-length'].map((name) =>
    headers.get(name),
  );
  return {
    ...(etag && { etag }),
    ...(lastModified && { lastModified }),
    ...(length && { total: Number(length) }),
  };
}

function answerOf(response: Response, found: Validators, start: number): Answer {
  const reader = response.body?.getReader();
  return {
    ...found,
    start,
    async next() {
      try {
        return (await reader?.read())?.value;
      } catch (cause) {
        throw new Dropped(sentence(cause), { cause });
      }
    },
    async cancel() {
      await reader?.cancel().catch(() => {});
    },
  };
}

async function cancel(response: Response): Promise<undefined> {
  await response.body?.cancel().catch(() => {});
}
