// xgrammar, which tells the tokens that a grammar allows, made safe to be used on what strangers have written.
import { RwkvError, sentence } from '../shared/errors.js';
import type { Structure } from '../shared/protocol.js';
import { wellFormed } from '../shared/well-formed.js';
import { Grammar, GrammarCompiler, GrammarMatcher, settings, TokenizerInfo } from './xgrammar.mjs';

/** Characters of its words that are passed on. */
const mostSaid = 400;

/** What is used of the library. Its objects are deleted by `dispose`. */
export interface LibraryParts {
  readonly TokenizerInfo: {
    createTokenizerInfo(
      vocabulary: string[],
      spelling: 'byte_level',
      prependsSpace: boolean,
      size: number,
      stopTokens: number[],
    ): Promise<Disposed>;
  };
  readonly Grammar: {
    fromEBNF(text: string, root?: string): Promise<LibraryGrammar>;
    fromJSONSchema(
      schema: string,
      anyWhitespace: boolean,
      indent: number,
      separators?: [string, string],
      isStrict?: boolean,
    ): Promise<LibraryGrammar>;
  };
  readonly GrammarCompiler: {
    createGrammarCompiler(vocabulary: Disposed, isCaching: boolean): Promise<LibraryCompiler>;
  };
  readonly GrammarMatcher: {
    createGrammarMatcher(grammar: Disposed): Promise<LibraryMatcher>;
  };
}

export interface Disposed {
  dispose(): void;
}

export interface LibraryGrammar extends Disposed {
  /** As EBNF. */
  toString(): string;
}

export interface LibraryCompiler extends Disposed {
  compileGrammar(grammar: LibraryGrammar): Promise<Disposed>;
}

export interface LibraryMatcher extends Disposed {
  acceptToken(token: number): boolean;
  /** A bit for each token, lowest first. */
  getNextTokenBitmask(): Promise<Int32Array<ArrayBuffer>>;
  /** As it was so many tokens before. */
  rollBack(tokens: number): void;
}

/** What its start takes and leaves. */
export interface Settings {
  print?: (line: string) => void;
  printErr?: (line: string) => void;
  /** There when it has started. */
  core?: {
    readonly memory: WebAssembly.Memory;
    readonly stackPointer: WebAssembly.Global<'i32'>;
    malloc(bytes: number): number;
  };
}

// Its own 64 KB end in the middle of its data: 54 nested objects destroy it. What recurses more deeply than this has room for
// overflows the engine's stack before, and that is an exception.
const stackBytes = 32 * 2 ** 20;

/** The library, and calls of it. */
export interface Library extends LibraryParts {
  /** That its memory has now. */
  readonly bytes: number;
  /**
   * Does work that takes texts of others. Nothing else may run meanwhile: `work` awaits the library alone.
   *
   * @throws RwkvError `invalid-argument` in the library's words, for what it refuses; `grammar-failed` where it fails, and is not to be
   * used any more
   */
  run<T>(option: Structure['option'], work: () => Promise<T>): Promise<{ value: T; warnings: string[] }>;
}

let starting: Promise<Library> | undefined;

/** @throws RwkvError `unsupported` where it does not start */
export function startLibrary(): Promise<Library> {
  starting ??= start();
  return starting;
}

async function start(): Promise<Library> {
  let said: string[] = [];
  settings.print = settings.printErr = (line) => said.push(line);
  try {
    (await Grammar.fromEBNF('root ::= "a"')).dispose(); // starts its module
  } catch (cause) {
    throw new RwkvError('unsupported', `the grammar engine does not start: ${sentence(cause)}`, { cause });
  }
  const { core } = settings;
  if (!core) throw new Error('the grammar library has left nothing of its start');
  const { memory, stackPointer } = core;
  const stackTop = core.malloc(stackBytes) + stackBytes;
  return {
    ...{ TokenizerInfo, Grammar, GrammarCompiler, GrammarMatcher },
    get bytes() {
      return memory.buffer.byteLength;
    },
    async run(option, work) {
      said = [];
      stackPointer.value = stackTop; // what a call that failed had left on it is gone
      try {
        const value = await work();
        return { value, warnings: said.map((line) => inShort(line.replace(/^\[\w+\] \S+: /, ''))) };
      } catch (cause) {
        if (cause instanceof RwkvError)
          throw new RwkvError(cause.code, inShort(cause.message), { cause: cause.cause });
        const fatal = said.filter((line) => line.startsWith('[FATAL]')).join('; ');
        const reason = fatal.replace(/\[FATAL\] \S+: (Check failed: \(.*?\) is \w+: )?/g, '');
        if (reason)
          throw new RwkvError('invalid-argument', `option ${option}: ${inShort(reason)}`, { cause });
        // An exception of C++: the library's own, as those above, or one of what it is written with.
        if (typeof cause === 'number')
          throw new RwkvError(
            'invalid-argument',
            `option ${option}: the grammar engine cannot read a value in it, whose type or size is not as expected`,
            { cause },
          );
        const why = inShort(sentence(cause));
        throw new RwkvError('grammar-failed', `option ${option}: the grammar engine failed: ${why}`, {
          cause,
        });
      }
    },
  };
}

// The library repeats what it was given, of any length.
function inShort(text: string): string {
  return text.length > mostSaid ? `${wellFormed(text.slice(0, mostSaid))}...` : text;
}
