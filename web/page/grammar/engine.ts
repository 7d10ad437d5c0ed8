// Constrained decoding (structured output): which tokens may follow, where a text must obey a grammar or a JSON schema.
import { spell } from '../../shared/byte-level.js';
import { RwkvError } from '../../shared/errors.js';
import type { Client } from '../client.js';
import type { Structure } from '../options.js';
import { vocabularyOf as tokensOf } from '../vocabulary.js';
import { checkPatterns, repairClasses } from './character-classes.js';
import {
  type GrammarLibrary,
  grammarLibrary,
  type LibraryCompiler,
  type LibraryGrammar,
  type LibraryMatcher,
} from './library.js';

/** Follows a text through its grammar. */
export class Matcher {
  readonly #grammar: LibraryMatcher;
  #allowed: Int32Array<ArrayBuffer>;

  private constructor(grammar: LibraryMatcher, allowed: Int32Array<ArrayBuffer>) {
    this.#grammar = grammar;
    this.#allowed = allowed;
  }

  static async start(library: GrammarLibrary, compiled: LibraryGrammar): Promise<Matcher> {
    const grammar = await library.GrammarMatcher.createGrammarMatcher(compiled);
    return new Matcher(grammar, await grammar.getNextTokenBitmask());
  }

  /** Bit t % 32 of word t / 32 says whether token t may follow; token 0, whether the text may end. */
  get allowed(): Int32Array<ArrayBuffer> {
    return this.#allowed;
  }

  allows(token: number): boolean {
    return (((this.#allowed[token >> 5] ?? 0) >> (token & 31)) & 1) === 1;
  }

  /** Whether the text is whole and nothing can follow. */
  get isComplete(): boolean {
    return this.#allowed.every((word, i) => word === (i === 0 ? 1 : 0));
  }

  /** @param token - an allowed one, not 0 */
  async accept(token: number): Promise<void> {
    if (!this.#grammar.acceptToken(token)) throw new Error(`the grammar does not accept token ${token}`);
    this.#allowed = await this.#grammar.getNextTokenBitmask();
  }

  dispose(): void {
    this.#grammar.dispose();
  }
}

/** So many grammars are kept compiled for each model: compiling one may take seconds with a large vocabulary. */
const mostGrammars = 16;

interface Vocabulary {
  readonly compiler: LibraryCompiler;
  /** By EBNF, the last used at the end. */
  readonly compiled: Map<string, LibraryGrammar>;
}

const vocabularies = new WeakMap<Client, Promise<Vocabulary>>();

/** What comes before a text that is ruled: of a reply, which follows `Assistant:`, a blank; or a thought that the prompt has begun. */
export type Lead = 'nothing' | 'blank' | 'thought';

/**
 * @param size - V
 * @throws RwkvError `unsupported` without the library; `invalid-argument` for what is no grammar
 */
export async function startMatcher(
  client: Client,
  size: number,
  structure: Structure,
  lead: Lead,
): Promise<Matcher> {
  const { library, complaints } = await grammarLibrary();
  complaints();
  const refused = (cause: unknown) => {
    if (cause instanceof RwkvError) return cause;
    const reasons = complaints().filter((line) => line.startsWith('[FATAL]'));
    const reason = reasons.join('; ').replace(/\[FATAL\] \S+: (Check failed: \(.*?\) is \w+: )?/g, '');
    return new RwkvError('invalid-argument', `option ${structure.option}: ${reason || String(cause)}`, {
      cause,
    });
  };
  let text: string;
  try {
    text = await ebnfOf(library, structure);
  } catch (cause) {
    throw refused(cause);
  }
  const warnings = complaints();
  const vocabulary = await vocabularyOf(client, size);
  const root = lead === 'nothing' ? 'root' : 'rwkv_reply';
  const source = lead === 'nothing' ? text : `${text}\n${leads[lead]}`;
  let compiled = vocabulary.compiled.get(source);
  if (!compiled) for (const warning of warnings) console.warn(`option ${structure.option}: ${warning}`);
  try {
    compiled ??= await vocabulary.compiler.compileGrammar(source, root);
  } catch (cause) {
    throw refused(cause);
  }
  keep(vocabulary.compiled, source, compiled);
  return Matcher.start(library, compiled);
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
async function ebnfOf(library: GrammarLibrary, { option, text }: Structure): Promise<string> {
  const isJson = option === 'jsonSchema';
  if (isJson) checkPatterns(JSON.parse(text));
  const grammar = isJson
    ? await library.Grammar.fromJSONSchema(text, false, -1, [', ', ': '], true)
    : await library.Grammar.fromEBNF(text);
  const printed = grammar.toString();
  grammar.dispose();
  const repaired = repairClasses(printed, option, isJson);
  return isJson || repaired !== printed ? repaired : text;
}

function keep(compiled: Map<string, LibraryGrammar>, source: string, grammar: LibraryGrammar): void {
  compiled.delete(source);
  compiled.set(source, grammar);
  const [oldest] = compiled.keys();
  if (compiled.size <= mostGrammars || oldest === undefined) return;
  compiled.get(oldest)?.dispose(); // matchers under way keep what they need
  compiled.delete(oldest);
}

function vocabularyOf(client: Client, size: number): Promise<Vocabulary> {
  const known = vocabularies.get(client);
  if (known) return known;
  const made = readVocabulary(client, size);
  vocabularies.set(client, made);
  made.catch(() => vocabularies.delete(client));
  return made;
}

// Tokens are bytes, maybe half a character; ids without any are never allowed.
async function readVocabulary(client: Client, size: number): Promise<Vocabulary> {
  const { library } = await grammarLibrary();
  const vocabulary = await tokensOf(client);
  const tokens = Array.from({ length: size }, (_, id) => spell(vocabulary.bytes(id)));
  const info = await library.TokenizerInfo.createTokenizerInfo(tokens, 'byte_level', false, size, [0]);
  return {
    compiler: await library.GrammarCompiler.createGrammarCompiler(info, false),
    compiled: new Map(),
  };
}
