// What a text must obey, as a grammar of the library.
import type { Lead, Structure } from '../shared/protocol.js';
import { checkPatterns, repairClasses } from './character-classes.js';
import type { LibraryGrammar, LibraryParts } from './library.js';
import { checkReferences } from './references.js';

/** @throws whatever the library throws; RwkvError `unsupported` for what it would get wrong */
export async function grammarOf(
  { Grammar }: LibraryParts,
  structure: Structure,
  lead: Lead,
): Promise<LibraryGrammar> {
  const text = await ebnfOf(Grammar, structure);
  if (lead === 'nothing') return Grammar.fromEBNF(text);
  return Grammar.fromEBNF(`${text}\n${leads[lead]}`, 'rwkv_reply');
}

const leads = { blank: 'rwkv_reply ::= [ ]? root\n', thought: thoughtLead('</think>') };

// Any text up to the first `end`, which begins with the only `<` in it. Behind another `<` comes nothing that goes on as `end` does.
function thoughtLead(end: string): string {
  const rules = [...end.slice(1)].map((next, i, { length }) => {
    const goesOn = i + 1 < length ? ` | "${next}" rwkv_after${i + 1}` : '';
    return `rwkv_after${i} ::= "" | [^${next}<] [^<]*${goesOn}\n`;
  });
  return `rwkv_reply ::= [^<]* ("<" rwkv_after0)* "${end}" [\\n]? [\\n]? root\n${rules.join('')}`;
}

// Of a schema: one line, so that nothing but the values is left to chance; properties that it does not name are not allowed.
async function ebnfOf(Grammar: LibraryParts['Grammar'], { option, text }: Structure): Promise<string> {
  const isJson = option === 'jsonSchema';
  if (isJson) {
    const schema: unknown = JSON.parse(text);
    checkReferences(schema);
    checkPatterns(schema);
  }
  const grammar = isJson
    ? await Grammar.fromJSONSchema(text, false, -1, [', ', ': '], true)
    : await Grammar.fromEBNF(text);
  const printed = grammar.toString();
  grammar.dispose();
  const repaired = repairClasses(printed, option, isJson);
  return isJson || repaired !== printed ? repaired : text;
}
