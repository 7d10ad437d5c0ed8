// Text files as systems write them: in UTF-8, or with a byte order mark in front in UTF-16, as Windows does.
import { RwkvError, type RwkvErrorCode } from './errors.js';

/** Bytes that tell how a text is written. */
export const markBytes = 4;

/** How a text is written that begins with these bytes, `markBytes` of them or all. */
export function encodingOf([a, b, c, d]: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (a === 0xff && b === 0xfe && (c !== 0 || d !== 0)) return 'utf-16le'; // with zeros behind: of UTF-32, which nobody reads
  return a === 0xfe && b === 0xff ? 'utf-16be' : 'utf-8';
}

/**
 * The text of a file in UTF-8, or in UTF-16 with its mark, without the mark. Lines end with \n, as models have
 * learnt it: CRLF is how Windows writes that.
 *
 * @throws RwkvError `code`, `bad-file` by itself, with the place of what is not UTF-8
 */
export function decodeText(name: string, bytes: Uint8Array, code: RwkvErrorCode = 'bad-file'): string {
  const encoding = encodingOf(bytes);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes).replaceAll('\r\n', '\n');
  } catch {
    const wrong =
      encoding === 'utf-8' ? notUtf8(bytes) : `: not the ${encoding.toUpperCase()} that its mark says`;
    throw new RwkvError(code, `${name}${wrong}: save it as UTF-8`);
  }
}

// The place is where the bytes first differ from those of the text that they make at best.
function notUtf8(bytes: Uint8Array): string {
  const repaired = new TextEncoder().encode(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
  const at = bytes.findIndex((byte, i) => byte !== repaired[i]);
  const line = bytes.subarray(0, at).reduce((count, byte) => count + Number(byte === 0x0a), 1);
  return `${bytes.includes(0x0a) ? `, line ${line}` : ''}: not UTF-8 at byte ${at}`;
}
