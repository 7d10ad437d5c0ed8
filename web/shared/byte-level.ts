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

/** The bytes that a text spells; `undefined` where it has a character that is no byte's. */
export function bytesOfSpelling(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = byteOf.get(text.charCodeAt(i));
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}

/** The tokens' bytes, by their ids, as the core wants them: for each id a u64 length and the bytes. Holes get none. */
export function stringList(tokens: readonly (Uint8Array | undefined)[]): Uint8Array<ArrayBuffer> {
  let size = 8 * tokens.length;
  for (let id = 0; id < tokens.length; id++) size += tokens[id]?.length ?? 0;
  const list = new Uint8Array(size);
  const lengths = new DataView(list.buffer);
  let at = 0;
  for (let id = 0; id < tokens.length; id++) {
    const bytes = tokens[id] ?? new Uint8Array();
    lengths.setUint32(at, bytes.length, true); // the upper half stays 0
    list.set(bytes, at + 8);
    at += 8 + bytes.length;
  }
  return list;
}
