// A World vocabulary as JSON, `{"1": "text", "129": [128]}`, as web-rwkv and its kin carry it: written as the file that the
// core reads, a line `id literal length` for each token.
import { wellFormed } from '../../shared/well-formed.js';
import { bad, isObject, show } from './json.js';

/** Whether this is one: an object whose first name is an id. */
export function isWorldJson(json: unknown): json is object {
  return isObject(json) && !Array.isArray(json) && /^\d+$/.test(Object.keys(json)[0] ?? '');
}

/** @throws RwkvError `bad-vocabulary`, without the file's name */
export function worldLines(json: object): string {
  const utf8 = new TextEncoder();
  const lines: string[] = [];
  for (const [id, token] of Object.entries(json)) {
    if (!/^(0|[1-9]\d{0,6})$/.test(id)) throw bad(`token ${show(token)}: expected an id, found ${show(id)}`);
    const bytes = isBytes(token)
      ? token
      : typeof token === 'string' && token === wellFormed(token) && utf8.encode(token);
    if (!bytes || bytes.length === 0 || bytes.length > mostBytes)
      throw bad(
        `token ${id}: expected a text or a list of bytes, 1 to ${mostBytes} of them, found ${show(token)}`,
      );
    if (id !== '0') lines.push(`${id} b'${Array.from(bytes, escaped).join('')}' ${bytes.length}\n`); // 0 ends the text
  }
  return lines.join('');
}

/** Of a token: the core's own bound. */
const mostBytes = 1024;

function isBytes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255);
}

// As Python spells a byte: letters and digits by themselves.
function escaped(byte: number): string {
  const letter = String.fromCharCode(byte);
  return /[0-9a-z ]/i.test(letter) ? letter : `\\x${byte.toString(16).padStart(2, '0')}`;
}
