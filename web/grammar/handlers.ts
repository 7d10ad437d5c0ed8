// Constrained decoding (structured output): what the grammar engine does for each operation of the protocol.
import { spell } from '../shared/byte-level.js';
import { RwkvError } from '../shared/errors.js';
import type { GrammarOp, Handlers, Lead, Rule, Structure } from '../shared/protocol.js';
import { ruleFor, TokenBytes } from './forced.js';
import { type Disposed, type LibraryCompiler, type LibraryMatcher, startLibrary } from './library.js';
import { grammarOf } from './sources.js';

/** So many grammars are kept compiled for each vocabulary: compiling one may take seconds with a large one. */
const mostGrammars = 16;

interface Vocabulary {
  readonly info: Disposed;
  readonly compiler: LibraryCompiler;
  readonly tokens: TokenBytes;
  /** By what they were made of, the last used at the end. */
  readonly compiled: Map<string, Disposed>;
}

interface Text {
  readonly option: Structure['option'];
  readonly matcher: LibraryMatcher;
  readonly tokens: TokenBytes;
  readonly banned: ReadonlySet<number>;
}

export function createHandlers(): Handlers<GrammarOp> {
  const vocabularies = new Map<number, Vocabulary>();
  const texts = new Map<number, Text>();
  let last = 0;

  // Gives a compiled grammar, and keeps it. Matchers under way keep what they need of those that go.
  async function compiled(vocabulary: Vocabulary, structure: Structure, lead: Lead): Promise<Disposed> {
    const { compiler, compiled: kept } = vocabulary;
    const key = JSON.stringify([structure.option, lead, structure.text]);
    let made = kept.get(key);
    if (!made) {
      const grammar = await grammarOf(await startLibrary(), structure, lead);
      made = await compiler.compileGrammar(grammar);
      grammar.dispose();
    }
    kept.delete(key);
    kept.set(key, made);
    const [oldest] = kept.keys();
    if (kept.size > mostGrammars && oldest !== undefined) {
      kept.get(oldest)?.dispose();
      kept.delete(oldest);
    }
    return made;
  }

  function accept(matcher: LibraryMatcher, token: number): void {
    if (!matcher.acceptToken(token))
      throw new RwkvError(
        'grammar-failed',
        `the grammar engine does not accept token ${token}, which it allowed`,
      );
  }

  // What comes next in a text; that nothing may is the grammar's fault.
  async function rule({ option, matcher, tokens, banned }: Text): Promise<Rule> {
    const next = await ruleFor(matcher, tokens, banned);
    if (next.allowed.some((word) => word !== 0)) return next;
    const why = 'it can never be whole, or needs characters that the vocabulary lacks';
    throw new RwkvError(
      'invalid-argument',
      `option ${option}: no token goes on here, and no end may come: ${why}`,
    );
  }

  return {
    // Tokens are bytes, maybe half a character; ids without any are never allowed.
    async addVocabulary({ bytes, ends, size, areLongest }) {
      const { TokenizerInfo, GrammarCompiler } = await startLibrary();
      const tokens = Array.from({ length: size }, (_, id) =>
        spell(bytes.subarray(ends[id - 1] ?? 0, ends[id] ?? 0)),
      );
      const info = await TokenizerInfo.createTokenizerInfo(tokens, 'byte_level', false, size, [0]);
      const compiler = await GrammarCompiler.createGrammarCompiler(info, false);
      vocabularies.set(++last, {
        ...{ info, compiler, compiled: new Map() },
        tokens: new TokenBytes(bytes, ends, areLongest),
      });
      return last;
    },
    async removeVocabulary({ vocabulary: id }) {
      const vocabulary = vocabularies.get(id);
      vocabularies.delete(id);
      for (const grammar of vocabulary?.compiled.values() ?? []) grammar.dispose();
      vocabulary?.compiler.dispose();
      vocabulary?.info.dispose();
      return undefined;
    },
    async startMatcher({ vocabulary: id, structure, lead, accepted, banned: bannedTokens }) {
      const library = await startLibrary();
      const vocabulary = vocabularies.get(id);
      if (!vocabulary) throw new RwkvError('disposed', 'the model was disposed');
      const { option } = structure;
      const { tokens } = vocabulary;
      const banned = new Set(bannedTokens);
      const { value, warnings } = await library.run(option, async () => {
        const grammar = await compiled(vocabulary, structure, lead);
        const matcher = await library.GrammarMatcher.createGrammarMatcher(grammar);
        const text = { option, matcher, tokens, banned };
        try {
          for (const token of accepted) accept(matcher, token);
          return { text, next: await rule(text) };
        } catch (error) {
          matcher.dispose();
          throw error;
        }
      });
      texts.set(++last, value.text);
      return { matcher: last, ...value.next, warnings, bytes: library.bytes };
    },
    async acceptToken({ matcher: id, token }) {
      const library = await startLibrary();
      const text = texts.get(id);
      if (!text) throw new RwkvError('disposed', 'the text was ended');
      const { value } = await library.run(text.option, () => {
        accept(text.matcher, token);
        return rule(text);
      });
      return value;
    },
    async removeMatcher({ matcher: id }) {
      texts.get(id)?.matcher.dispose();
      texts.delete(id);
      return undefined;
    },
  };
}
