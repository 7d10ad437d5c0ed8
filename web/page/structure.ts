// What a text must obey, as options say it, within limits: the grammar engine gets nothing that would be too much for it.
import { RwkvError, sentence, unexpected } from '../shared/errors.js';
import type { Structure } from '../shared/protocol.js';
import { wellFormed } from '../shared/well-formed.js';

const mostCharacters = 2 ** 19;
const mostParts = 2 ** 16;
/** Levels of objects and lists in a schema, and of brackets in a grammar and a pattern. */
const mostLevels = 256;

/** @throws RwkvError `invalid-argument` */
export function structureOf(grammar?: string, schema?: object | true): Structure | undefined {
  if (schema === undefined) return grammar === undefined ? undefined : ofGrammar(grammar);
  if (grammar !== undefined) throw unexpected('option grammar', 'not to come with jsonSchema', grammar);
  checkSchema(schema);
  let text: string;
  try {
    // JSON escapes halves of characters, which no reader of it may take.
    text = JSON.stringify(schema).replace(/\\\\|\\ud[89a-f]../g, (found) =>
      found === '\\\\' ? found : '\ufffd',
    );
  } catch (cause) {
    throw new RwkvError('invalid-argument', `option jsonSchema: ${sentence(cause)}`, { cause });
  }
  return { option: 'jsonSchema', text: checkLength('jsonSchema', text) };
}

function ofGrammar(grammar: string): Structure {
  checkBrackets('grammar', checkLength('grammar', grammar));
  return { option: 'grammar', text: wellFormed(grammar) };
}

function checkLength(option: string, text: string): string {
  if (text.length > mostCharacters)
    throw unexpected(`option ${option}`, `at most ${mostCharacters} characters`, text.length);
  return text;
}

// Level by level, for a schema may be deeper than any stack, and a circle or a hall of mirrors.
function checkSchema(schema: object | true): void {
  let level: unknown[] = [schema];
  let count = 0;
  for (let depth = 0; level.length > 0; depth++) {
    const parts = level.filter((part) => typeof part === 'object' && part !== null);
    if (depth > mostLevels) throw tooDeep('jsonSchema');
    count += level.length;
    if (count > mostParts)
      throw new RwkvError('invalid-argument', `option jsonSchema: expected at most ${mostParts} parts`);
    level = [];
    for (const part of parts)
      for (const [key, value] of Object.entries(part)) {
        if (key === 'pattern' && typeof value === 'string') checkBrackets('jsonSchema', value);
        level.push(value);
      }
  }
}

// Brackets in quotes and classes count too: who has so many means them.
function checkBrackets(option: string, text: string): void {
  let depth = 0;
  for (const [sign] of text.matchAll(/\\.|[()]/gs)) {
    if (sign === '(') depth++;
    if (sign === ')') depth = Math.max(0, depth - 1);
    if (depth > mostLevels) throw tooDeep(option);
  }
}

function tooDeep(option: string): RwkvError {
  return new RwkvError('invalid-argument', `option ${option}: nested more deeply than ${mostLevels} levels`);
}
