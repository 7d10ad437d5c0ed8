// Known RWKV-7 files on other sites. Nothing is asked of those sites before someone chooses a file.

export interface KnownModel {
  readonly name: string;
  readonly tells: string;
  readonly url: string;
  /** The page that describes it. */
  readonly page: string;
  /** As its page tells, in bytes, rounded. */
  readonly bytes: number;
  readonly licence: string;
  /** The file brings no vocabulary: the World vocabulary comes from here. */
  readonly vocabulary?: string;
}

const hub = 'https://huggingface.co';
const world = 'https://raw.githubusercontent.com/BlinkDL/ChatRWKV/main/tokenizer/rwkv_vocab_v20230424.txt';

export const catalogue: readonly KnownModel[] = [
  {
    name: 'RWKV7-G1 0.1B (GGUF)',
    tells: 'Small and quick; brings its vocabulary.',
    url: `${hub}/zhiyuan8/RWKV-v7-0.1B-G1-GGUF/resolve/main/rwkv7-0.1B-g1-F16.gguf`,
    page: `${hub}/zhiyuan8/RWKV-v7-0.1B-G1-GGUF`,
    bytes: 386e6,
    licence: 'Apache-2.0',
  },
  {
    name: 'RWKV7-G1 0.1B',
    tells: 'The authors’ own file of the smallest model.',
    url: `${hub}/BlinkDL/rwkv7-g1/resolve/main/rwkv7-g1-0.1b-20250307-ctx4096.pth`,
    page: `${hub}/BlinkDL/rwkv7-g1`,
    bytes: 382e6,
    licence: 'Apache-2.0',
    vocabulary: world,
  },
  {
    name: 'RWKV7-G1a 0.4B',
    tells: 'Holds a conversation; many languages.',
    url: `${hub}/BlinkDL/rwkv7-g1/resolve/main/rwkv7-g1a-0.4b-20250905-ctx4096.pth`,
    page: `${hub}/BlinkDL/rwkv7-g1`,
    bytes: 902e6,
    licence: 'Apache-2.0',
    vocabulary: world,
  },
  {
    name: 'RWKV7-G1d 1.5B',
    tells: 'The largest that is comfortable in a tab.',
    url: `${hub}/BlinkDL/rwkv7-g1/resolve/main/rwkv7-g1d-1.5b-20260212-ctx8192.pth`,
    page: `${hub}/BlinkDL/rwkv7-g1`,
    bytes: 3060e6,
    licence: 'Apache-2.0',
    vocabulary: world,
  },
];

/** Where the authors and others keep more. */
export const moreModels = [
  { name: 'BlinkDL/rwkv7-g1', page: `${hub}/BlinkDL/rwkv7-g1` },
  { name: 'shoumenchougou/rwkv7-gxx-gguf', page: `${hub}/shoumenchougou/rwkv7-gxx-gguf` },
] as const;
