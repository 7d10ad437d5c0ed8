// xgrammar, which tells the tokens that a grammar allows: an optional peer dependency, loaded when it is needed.
import { RwkvError, sentence } from '../../shared/errors.js';

const name = '@mlc-ai/web-xgrammar';

/** What is used of the library. Its objects are deleted by `dispose`. */
export interface GrammarLibrary {
  readonly TokenizerInfo: {
    createTokenizerInfo(
      vocabulary: string[],
      spelling: 'byte_level',
      prependsSpace: boolean,
      size: number,
      stopTokens: number[],
    ): Promise<object>;
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
    createGrammarCompiler(vocabulary: object, isCaching: boolean): Promise<LibraryCompiler>;
  };
  readonly GrammarMatcher: {
    createGrammarMatcher(grammar: LibraryGrammar): Promise<LibraryMatcher>;
  };
}

export interface LibraryGrammar {
  /** As EBNF. */
  toString(): string;
  dispose(): void;
}

export interface LibraryCompiler {
  compileGrammar(text: string, root?: string): Promise<LibraryGrammar>;
}

export interface LibraryMatcher {
  acceptToken(token: number): boolean;
  /** A bit for each token, lowest first. */
  getNextTokenBitmask(): Promise<Int32Array<ArrayBuffer>>;
  dispose(): void;
}

/** The library and what it says on its console: it aborts a call that fails, and tells the reason there only. */
export interface LoadedLibrary {
  readonly library: GrammarLibrary;
  /** What it has complained of since the last time. */
  complaints(): string[];
}

let loading: Promise<LoadedLibrary> | undefined;

/** @throws RwkvError `unsupported` where it is not installed or does not start */
export function grammarLibrary(): Promise<LoadedLibrary> {
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<LoadedLibrary> {
  const takeBack = lendLocation();
  const heard: string[] = [];
  const stopHearing = hear((complaint) => heard.push(complaint));
  try {
    // A literal import inside a `try`: webpack and esbuild build without the package then, as Vite does because package.json
    // calls it an optional peer.
    const library = libraryIn(await import('@mlc-ai/web-xgrammar'));
    (await library.Grammar.fromEBNF('root ::= "a"')).dispose(); // starts its module
    return { library, complaints: () => heard.splice(0) };
  } catch (cause) {
    throw new RwkvError(
      'unsupported',
      `calls of tools and the options grammar and jsonSchema need the package ${name}, which is optional: npm install ${name} ` +
        `(${sentence(cause)})`,
      { cause },
    );
  } finally {
    stopHearing();
    takeBack();
  }
}

// The package is a script of the UMD kind that calls itself a module: where no bundler turns it into one, it leaves itself in a
// global variable.
function libraryIn(module: unknown): GrammarLibrary {
  const places = [module, property(module, 'default'), property(globalThis, 'xgrammar')];
  const library = places.find(isLibrary);
  if (library) return library;
  throw new Error('the package holds no Grammar, GrammarCompiler, GrammarMatcher and TokenizerInfo');
}

function isLibrary(value: unknown): value is GrammarLibrary {
  return ['TokenizerInfo', 'Grammar', 'GrammarCompiler', 'GrammarMatcher'].every(
    (part) => typeof property(value, part) === 'function',
  );
}

function property(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

// The library asks `location` for its own address while it starts. Node has none, so it gets one for so long.
function lendLocation(): () => void {
  if ('location' in globalThis) return () => {};
  Object.defineProperty(globalThis, 'location', { value: { href: import.meta.url }, configurable: true });
  return () => Reflect.deleteProperty(globalThis, 'location');
}

// The library binds the console's functions when it starts and keeps them: what it gets passes everything on to the console, but
// for its own complaints, which begin with their level.
function hear(listen: (complaint: string) => void): () => void {
  const { error, log } = console;
  const heard = (write: typeof error) =>
    function (this: Console, ...words: unknown[]) {
      const [first] = words;
      if (typeof first === 'string' && /^(\[(FATAL|WARNING)\]|Aborted\()/.test(first)) listen(first);
      else write.apply(console, words);
    };
  console.error = heard(error);
  console.log = heard(log);
  return () => {
    console.error = error;
    console.log = log;
  };
}
