/** The model that comes with the package: a small RWKV-7 that tells tales. Literal URLs, so that bundlers see them. */
export const storyteller = {
  model: new URL('./storyteller/rwkv7-tales-4.6M-q8.safetensors', import.meta.url),
  vocabulary: new URL('./storyteller/rwkv7-tales-4.6M-vocab.txt', import.meta.url),
} as const;
