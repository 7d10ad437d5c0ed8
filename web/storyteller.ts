/** The model that comes with the package: a small RWKV-7 that tells tales. Literal URLs, so that bundlers see them. */
export const storyteller = {
  model: new URL('./storyteller/rwkv7-tales-8.0M-q4.safetensors', import.meta.url),
  vocabulary: new URL('./storyteller/rwkv7-tales-8.0M-vocab.txt', import.meta.url),
} as const;

/** The same in a copy of the package's files. */
export function storytellerIn(base: URL): { readonly model: URL; readonly vocabulary: URL } {
  return {
    model: new URL('storyteller/rwkv7-tales-8.0M-q4.safetensors', base),
    vocabulary: new URL('storyteller/rwkv7-tales-8.0M-vocab.txt', base),
  };
}
