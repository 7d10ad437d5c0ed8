import { RwkvError } from './shared/errors.js';

const file = 'rwkv7-tales-8.0M-q4.safetensors';

/**
 * The model that comes with the package: a small RWKV-7 that tells tales. Literal URLs, so that bundlers see them; made when they
 * are asked for, because a bundle that is no ES module has no `import.meta.url`.
 */
export const storyteller = {
  /** The name of its file, which bundlers may change. */
  get name(): string {
    try {
      return this.model.pathname.replace(/^.*\//, '');
    } catch {
      return file;
    }
  },
  get model(): URL {
    return here(() => new URL('./storyteller/rwkv7-tales-8.0M-q4.safetensors', import.meta.url));
  },
  get vocabulary(): URL {
    return here(() => new URL('./storyteller/rwkv7-tales-8.0M-vocab.txt', import.meta.url));
  },
} as const;

/** The same in a copy of the package's files. */
export function storytellerIn(base: URL): { readonly model: URL; readonly vocabulary: URL } {
  return {
    model: new URL(`storyteller/${file}`, base),
    vocabulary: new URL('storyteller/rwkv7-tales-8.0M-vocab.txt', base),
  };
}

function here(url: () => URL): URL {
  try {
    return url();
  } catch (cause) {
    const why = 'this bundle does not know where its script is, so the embedded model is not found';
    throw new RwkvError('unsupported', `${why}; option assetBase says where the package's files are`, {
      cause,
    });
  }
}
