// What the store knows of a file besides its bytes, as JSON; and the key that a URL is kept under.
import { type Quantization, quantizations } from '../shared/number-formats.js';

/** What is written down beside a file. */
export interface StoredRecord {
  /** Where it came from. */
  readonly url: string;
  readonly name: string;
  /** What tells one content of that URL from the next. */
  readonly etag?: string;
  readonly lastModified?: string;
  /** Bytes of the whole file, where the server said so. */
  readonly total?: number;
  /** Checked; of a packed file, of what it was made of. */
  readonly sha256?: string;
  /** The file's stamp when that was checked: once it has another, it is checked again. */
  readonly checked?: string;
  /** It is no longer the file of the URL but what was packed of it. */
  readonly packed?: Quantization;
  /** When it was last written or read, in ms since 1970. */
  readonly lastUsed: number;
}

/** The record that `text` spells; `undefined` where it was damaged. */
export function parseRecord(text: string): StoredRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const known = new Map<string, unknown>(Object.entries(Object(value)));
  const textOf = (name: string) => {
    const found = known.get(name);
    return typeof found === 'string' ? found : undefined;
  };
  const numberOf = (name: string) => {
    const found = known.get(name);
    return typeof found === 'number' ? found : undefined;
  };
  const url = textOf('url');
  const name = textOf('name');
  const lastUsed = numberOf('lastUsed');
  if (url === undefined || name === undefined || lastUsed === undefined) return undefined;
  const packed = quantizations.find((quantization) => quantization === known.get('packed'));
  const [etag, lastModified] = [textOf('etag'), textOf('lastModified')];
  const [sha256, checked] = [textOf('sha256'), textOf('checked')];
  const total = numberOf('total');
  return {
    ...{ url, name, lastUsed },
    ...(etag !== undefined && { etag }),
    ...(lastModified !== undefined && { lastModified }),
    ...(total !== undefined && { total }),
    ...(sha256 !== undefined && { sha256 }),
    ...(checked !== undefined && { checked }),
    ...(packed !== undefined && { packed }),
  };
}

/** Files are made of the digest's first so many bytes: two URLs never share them. */
const keyBytes = 16;

/** The key of a URL's file. REQUIRES: `crypto.subtle`, which every place that has storage has. */
export async function keyOf(url: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(url)));
  return hexadecimal(digest.subarray(0, keyBytes));
}

/** The key of what was packed of it, `null`: without asking for a quantization. */
export function packedKey(key: string, quantization: Quantization | null): string {
  return `${key}-${quantization ?? 'auto'}`;
}

/** The key of the URL that a key belongs to. */
export function urlKey(key: string): string {
  return key.replace(/-.*$/, '');
}

export function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
