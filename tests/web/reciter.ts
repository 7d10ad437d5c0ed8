// A model whose text is known: an RWKV-7 of one layer, as a GGUF file, that goes from each token of a list to the next. Its
// layers add nothing (all zero), so the logits come from the embedding of the last token alone: one-hot at its place in the
// list, as is the head's row of the token that follows.

export interface Recital {
  /** V. */
  readonly vocabulary: number;
  /** What it writes from a fresh start, greedily: at most 63 different ids, none of them 0. */
  readonly recites: readonly number[];
  /** tokenizer.ggml.tokens, and tokenizer.ggml.model, which is 'rwkv' unless it is named. */
  readonly tokens?: readonly string[];
  /** A token whose embedding holds no numbers. */
  readonly broken?: number;
  readonly kind?: string;
}

const C = 64; // channels: one head
const D = 32; // rank of the low-rank matrices

/** The bytes of the file. */
export function reciter({
  vocabulary,
  recites,
  tokens,
  broken,
  kind = 'rwkv',
}: Recital): Uint8Array<ArrayBuffer> {
  const ones = new Float32Array(C).fill(1);
  const emb = new Float32Array(vocabulary * C);
  const head = new Float32Array(vocabulary * C);
  const chain = [0, ...recites];
  for (const [place, id] of chain.entries()) {
    emb[id * C + place] = 1;
    head[(chain[place + 1] ?? 0) * C + place] = 1;
  }
  if (broken !== undefined) emb.fill(Number.NaN, broken * C, (broken + 1) * C);

  const file = new Writer();
  const layer: [string, number[]][] = [
    ...['attn_norm', 'attn_norm_2', 'time_mix_ln'].flatMap((norm): [string, number[]][] => [
      [`${norm}.weight`, [C]],
      [`${norm}.bias`, [C]],
    ]),
    ...['w', 'a', 'g'].flatMap((name): [string, number[]][] => [
      [`time_mix_${name}1.weight`, [C, D]],
      [`time_mix_${name}2.weight`, [D, C]],
    ]),
    ...['w0', 'a0', 'k_k', 'k_a', 'r_k'].map((name): [string, number[]] => [`time_mix_${name}.weight`, [C]]),
    ...['receptance', 'key', 'value', 'output'].map((name): [string, number[]] => [
      `time_mix_${name}.weight`,
      [C, C],
    ]),
    ['time_mix_lerp_fused.weight', [C, 1, 1, 6]],
    ['channel_mix_lerp_k.weight', [C]],
    ['channel_mix_key.weight', [C, C]],
    ['channel_mix_value.weight', [C, C]],
  ];
  const tensors: [name: string, sizes: number[], values: Float32Array][] = [
    ['token_embd.weight', [C, vocabulary], emb],
    ['token_embd_norm.weight', [C], ones],
    ['token_embd_norm.bias', [C], new Float32Array(C)],
    ['output_norm.weight', [C], ones],
    ['output_norm.bias', [C], new Float32Array(C)],
    ['output.weight', [C, vocabulary], head],
    ...layer.map(([name, sizes]): [string, number[], Float32Array] => [
      `blk.0.${name}`,
      sizes,
      new Float32Array(sizes.reduce((product, size) => product * size, 1)),
    ]),
  ];

  file.raw('GGUF').u32(3).u64(tensors.length);
  file.u64(tokens ? 4 : 2);
  file.text('general.architecture').u32(8).text('rwkv7');
  file.text('rwkv7.wkv.head_size').u32(4).u32(C);
  if (tokens) {
    file.text('tokenizer.ggml.model').u32(8).text(kind);
    file.text('tokenizer.ggml.tokens').u32(9).u32(8).u64(tokens.length);
    for (const token of tokens) file.text(token);
  }
  let offset = 0;
  for (const [name, sizes, values] of tensors) {
    file.text(name).u32(sizes.length);
    for (const size of sizes) file.u64(size);
    file.u32(0).u64(offset); // F32
    offset += values.byteLength; // all multiples of 32
  }
  return file.aligned(32).end(tensors.map(([, , values]) => values));
}

class Writer {
  readonly #parts: Uint8Array<ArrayBuffer>[] = [];
  #size = 0;

  #put(part: Uint8Array<ArrayBuffer>): this {
    this.#parts.push(part);
    this.#size += part.length;
    return this;
  }
  raw(text: string): this {
    return this.#put(new TextEncoder().encode(text));
  }
  u32(value: number): this {
    return this.#put(new Uint8Array(Uint32Array.of(value).buffer));
  }
  u64(value: number): this {
    return this.u32(value).u32(0);
  }
  text(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u64(bytes.length).#put(bytes);
  }
  aligned(to: number): this {
    return this.#put(new Uint8Array((to - (this.#size % to)) % to));
  }
  end(data: readonly Float32Array[]): Uint8Array<ArrayBuffer> {
    const all = [...this.#parts, ...data.map((values) => new Uint8Array(values.buffer))];
    const file = new Uint8Array(all.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of all) {
      file.set(part, at);
      at += part.length;
    }
    return file;
  }
}
