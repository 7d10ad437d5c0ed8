// What the tokens of a tokenizer.json are as bytes: its decoder, as far as it takes tokens one by one. So texts can be decoded as
// they come.
import { bytesOfSpelling } from '../../shared/byte-level.js';
import { field, listOf, otherType, show, unsupported } from './json.js';

export interface Decoder {
  bytesOf(token: string): Uint8Array;
  /** Of tokens that stand for themselves, as special ones do. */
  bytesOfAdded(token: string): Uint8Array;
  /** A blank that a whole text begins with is not of the text. */
  readonly dropsBlank: boolean;
}

const known = ['ByteLevel', 'Metaspace', 'Replace', 'ByteFallback', 'Fuse', 'Strip'];

/** @throws RwkvError `bad-vocabulary`, `unsupported` */
export function readDecoder(json: unknown): Decoder {
  const utf8 = new TextEncoder();
  const plain = (text: string) => utf8.encode(text);
  const config = field(json, 'decoder') ?? null;
  if (config === null) {
    if (field(field(json, 'model'), 'type') !== 'WordLevel') throw otherType('decoder', known, config);
    const word = (text: string) => utf8.encode(` ${text}`);
    return { bytesOf: word, bytesOfAdded: word, dropsBlank: true };
  }
  if (field(config, 'type') === 'ByteLevel')
    return {
      bytesOf: (token) => bytesOfSpelling(token) ?? plain(token),
      bytesOfAdded: plain,
      dropsBlank: false,
    };

  const replacements: [from: string, to: string][] = [];
  let [hasBytes, isFused, dropsBlank] = [false, false, false];
  for (const step of field(config, 'type') === 'Sequence' ? listOf(config, 'decoders') : [config]) {
    const type = field(step, 'type');
    if (type === 'ByteFallback') hasBytes = true;
    else if (type === 'Fuse') isFused = true;
    else if (type === 'Replace' || type === 'Metaspace') {
      const isReplace = type === 'Replace';
      const from = isReplace ? field(field(step, 'pattern'), 'String') : field(step, 'replacement');
      const to = isReplace ? field(step, 'content') : ' ';
      if (typeof from !== 'string' || from === '' || typeof to !== 'string' || isFused)
        throw unsupported(`decoder: ${show(step)}`);
      replacements.push([from, to]);
      if (!isReplace)
        dropsBlank = field(step, 'prepend_scheme') !== 'never' && field(step, 'add_prefix_space') !== false;
    } else if (type === 'Strip') {
      const [content, start, stop] = ['content', 'start', 'stop'].map((name) => field(step, name));
      if (!isFused || content !== ' ' || start !== 1 || stop !== 0)
        throw unsupported(`decoder: ${show(step)}`);
      dropsBlank = true;
    } else throw otherType('decoder', known, step);
  }
  const bytesOf = (token: string) => {
    const [, byte] = (hasBytes && /^<0x([0-9A-F]{2})>$/.exec(token)) || [];
    if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
    return plain(replacements.reduce((text, [from, to]) => text.replaceAll(from, () => to), token));
  };
  return { bytesOf, bytesOfAdded: plain, dropsBlank };
}
