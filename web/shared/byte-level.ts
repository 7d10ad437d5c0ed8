// The spelling of byte-level vocabularies, from GPT-2 on: a token's bytes, each as a character that can be seen.

// Bytes that are printable in Latin-1 stand for themselves, the others, in order, for U+0100 and the characters after it.
const byteOf: ReadonlyMap<number, number> = (() => {
  const isPrintable = (byte: number) =>
    (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad && byte <= 0xff);
  let next = 0x100;
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  return new Map(bytes.map((byte) => [isPrintable(byte) ? byte : next++, byte]));
})();

const spellingOf = new Map([...byteOf].map(([character, byte]) => [byte, String.fromCharCode(character)]));

/** Bytes in this spelling. */
export function spell(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += spellingOf.get(byte) ?? '';
  return text;
}

/**
 * The tokens' bytes as the core wants them: for each id a u64 length and the bytes. Ids without a text get no bytes.
 *
 * @param texts - by id; with holes
 * @param plain - ids whose text is the text itself, not a spelling of bytes
 */
export function stringList(
  texts: readonly (string | undefined)[],
  plain: ReadonlySet<number>,
): Uint8Array<ArrayBuffer> {
  let most = 0;
  for (let id = 0; id < texts.length; id++) most += 8 + 3 * (texts[id]?.length ?? 0); // 3: of UTF-8 for one of UTF-16
  const utf8 = new TextEncoder(); // not at import: jsdom has none
  const list = new Uint8Array(most);
  const lengths = new DataView(list.buffer);
  let at = 0;
  for (let id = 0; id < texts.length; id++) {
    const text = texts[id] ?? '';
    const into = list.subarray(at + 8);
    const length = plain.has(id) ? utf8.encodeInto(text, into).written : writeToken(text, into, utf8);
    lengths.setUint32(at, length, true); // the upper half stays 0
    at += 8 + length;
  }
  return list.subarray(0, at);
}

// As the reference does it: a text with a character that is no byte's is taken as it is.
function writeToken(text: string, into: Uint8Array, utf8: TextEncoder): number {
  for (let i = 0; i < text.length; i++) {
    const byte = byteOf.get(text.charCodeAt(i));
    if (byte === undefined) return utf8.encodeInto(text, into).written;
    into[i] = byte;
  }
  return text.length;
}
