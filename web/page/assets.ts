// Where the package's own files are: by themselves beside its scripts, else where the caller says.
import { RwkvError, sentence, unexpected } from '../shared/errors.js';
import type { Build } from '../shared/types.js';

/** Where the package's own files are, for those who serve them from elsewhere. They must be those of this very version. */
export interface AssetOptions {
  /**
   * The folder that the package's `dist` was copied to: the worker, the WebAssembly modules and the storyteller are taken
   * from there. A URL, relative ones start from the page; in Node a path or a `file:` URL. Another origin must allow its
   * use by the header `Access-Control-Allow-Origin`. Default: where the script of the package is, or where a bundler has
   * put them.
   */
  assetBase?: string | URL | undefined;
  /**
   * The script of the worker: `worker-web.js`, in Node `worker-node.js`, with `learning-` before it of models that are taught, or a bundle of it.
   * Goes before `assetBase`.
   */
  workerUrl?: string | URL | undefined;
  /**
   * The WebAssembly modules; goes before `assetBase`. With a `/` at its end the folder of `rwkv-baseline.wasm`,
   * `rwkv-relaxed.wasm`, `rwkv-baseline-threads.wasm` and `rwkv-relaxed-threads.wasm`, of models that are taught
   * `rwkv-learning-baseline.wasm` and so on. Else the file of one of them, which
   * `build` and the number of `threads` then have to name (`inspect` and `convert` have one thread).
   */
  wasmUrl?: string | URL | undefined;
}

/** The same of the grammar engine. */
export interface GrammarAssetOptions {
  /**
   * The script of the grammar engine's worker: `grammar-worker-web.js`, in Node `grammar-worker-node.js`, or a bundle of it. Goes
   * before `assetBase`.
   */
  grammarWorkerUrl?: string | URL | undefined;
}

/** What was asked for, checked by name. */
export interface AssetChoice {
  readonly assets: AssetOptions & GrammarAssetOptions;
  readonly build: Build | 'auto';
  readonly threads?: number | 'auto';
  /** Whether its worker is one whose modules learn. */
  readonly learns?: boolean;
}

/** Where the files are; `undefined` and `null`: where they lie by themselves. */
export interface Assets {
  readonly base: URL | undefined;
  readonly workerUrl: URL | undefined;
  readonly grammarWorkerUrl: URL | undefined;
  readonly wasmUrl: string | null;
}

/** What of a host is asked for files of the package. */
export interface AssetHost {
  /** The name of the worker's script; that of the grammar engine has `grammar-` before it, that of modules that learn `learning-`. */
  readonly workerFile: string;
  /** The URL of a file of the package. Throws an Error that says what was expected. */
  resolve(source: string | URL): URL;
}

/** @throws RwkvError `invalid-argument` naming the option */
export function locateAssets(
  { assets, build, threads = 1, learns = false }: AssetChoice,
  host: AssetHost,
): Assets {
  const given = (name: keyof AssetChoice['assets']): URL | undefined => {
    const source = assets[name];
    if (source === undefined) return undefined;
    try {
      return host.resolve(source);
    } catch (cause) {
      throw new RwkvError('invalid-argument', `option ${name}: '${source}': ${sentence(cause)}`, { cause });
    }
  };
  const base = asFolder(given('assetBase'));
  const wasm = given('wasmUrl');
  if (wasm && !wasm.pathname.endsWith('/') && (build === 'auto' || threads === 'auto')) {
    const expected =
      "a folder that ends in '/', or the options build and threads to say which module the file is";
    throw unexpected('option wasmUrl', expected, assets.wasmUrl);
  }
  return {
    base,
    workerUrl:
      given('workerUrl') ?? (base && new URL(learns ? `learning-${host.workerFile}` : host.workerFile, base)),
    grammarWorkerUrl: given('grammarWorkerUrl') ?? (base && new URL(`grammar-${host.workerFile}`, base)),
    wasmUrl: (wasm ?? (base && new URL('wasm/', base)))?.href ?? null,
  };
}

function asFolder(url: URL | undefined): URL | undefined {
  if (url && !url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}
