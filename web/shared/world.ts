/** The vocabulary of RWKV's World models, and of all that came after them. */
export const world = {
  file: 'rwkv_vocab_v20230424.txt',
  /** Of the models that speak it. */
  tokens: 65536,
  bytes: 1_093_733,
  /** As all repositories of the authors have it. */
  sha256: 'e6dee3d4e31b4d5c40ac99508ac6c701ceef4bed681bf2167ce9a908552bca89',
  /** Where it is asked for, one after the other; the last one names it in the store. */
  sources: [
    'hf:fla-hub/rwkv7-1.5B-world/rwkv_vocab_v20230424.txt',
    'https://raw.githubusercontent.com/BlinkDL/ChatRWKV/main/tokenizer/rwkv_vocab_v20230424.txt',
  ],
} as const;
