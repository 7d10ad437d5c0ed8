// What a server has sent, told by its first bytes: hosts answer 200 OK with what is no file that anybody asked for.

import type { Asked } from '../shared/protocol.js';
import { encodingOf } from '../shared/text-file.js';
import { hexadecimal } from './record.js';

/** So many bytes tell, or all of a file that is shorter. */
export const headBytes = 512;

interface Kind {
  readonly asked: readonly Asked[];
  /** Of the text that the bytes are, or of `hex:` and the bytes in hexadecimal. */
  readonly start: RegExp;
}

const kinds: readonly Kind[] = [
  { asked: ['model', 'state', 'lora'], start: /^hex:504b0304/ }, // .pth, a zip file
  { asked: ['model', 'state', 'lora'], start: /^hex:.{8}0{8}7b/ }, // safetensors: the length of its header and `{`
  { asked: ['model'], start: /^(GGUF|fmgg)/ }, // llama.cpp, rwkv.cpp
  { asked: ['state'], start: /^RWKVSESS/ }, // what `session.save` gives
  { asked: ['model'], start: /^\{\s*"(metadata|weight_map)"/ }, // the index of a model in several files
  { asked: ['vocabulary'], start: /^\d+ [bu]?['"]/ }, // 1 '\x00' 1
];

/** Words that come first where a server says in JSON why there is no file. */
const errorWord = /^\{\s*"(errors?|message|msg|detail|status|status_?code|code|success|reason)"/i;

/** What people are sent instead of a file. */
const others: readonly (readonly [RegExp, string])[] = [
  [/^<(!doctype html|html|head|body|!--)/i, 'a web page (HTML)'],
  [/^version https:\/\/git-lfs/, 'a Git LFS pointer, not the file that it stands for'],
  [/^hex:800[2-5]/, 'a bare pickle; load it with torch and torch.save the weights'],
  [/^hex:1f8b/, 'a gzip file; it has to be unpacked on the host'],
];

/** What came instead of what was asked for; `undefined`: it can be that. `isWhole`: the head is the whole file. */
export function foreign(asked: Asked, head: Uint8Array, isWhole: boolean): string | undefined {
  const text = textOf(head);
  const starts = (start: RegExp) =>
    start.test(text) || start.test(`hex:${hexadecimal(head.subarray(0, 16))}`);
  if (kinds.some((kind) => (asked === 'any' || kind.asked.includes(asked)) && starts(kind.start))) return;
  const mayBeJson = asked === 'vocabulary' || asked === 'any';
  if (mayBeJson && text.startsWith('{') && !errorWord.test(text) && (!isWhole || hasTokens(text))) return;
  if (text === '') return `nothing: ${head.length} bytes`;
  return others.find(([start]) => starts(start))?.[1] ?? excerpt(text, head);
}

/** What a file is asked for as, in words. */
export const askedWords: Readonly<Record<Asked, string>> = {
  model: 'a model file',
  vocabulary: 'a vocabulary file',
  state: 'a file of a state',
  lora: 'a file of adapters',
  any: 'a model or vocabulary file',
};

// A vocabulary in JSON names its tokens; what is short and names none is none.
function hasTokens(json: string): boolean {
  try {
    const names = Object.keys(Object(JSON.parse(json)));
    return names.includes('model') || names.length >= 16;
  } catch {
    return false;
  }
}

// Files from Windows may be in UTF-16.
function textOf(head: Uint8Array): string {
  const text = new TextDecoder(encodingOf(head)).decode(head.subarray(0, headBytes));
  return text.replace(/\ufffd$/, '').trim(); // the last character may be cut
}

function excerpt(text: string, head: Uint8Array): string {
  if (/[\p{Cc}\ufffd]/u.test(text.replace(/\s/g, '')))
    return `bytes that begin with ${hexadecimal(head.subarray(0, 8)).replace(/..(?=.)/g, '$& ')}`;
  const kind = /^[{[]/.test(text) ? 'JSON' : text.startsWith('<') ? 'XML' : 'a text';
  const line = text.replace(/\s+/g, ' ');
  return `${kind}: ${line.length > 80 ? `${line.slice(0, 80)}...` : line}`;
}
