// A version 7 of random bf16 weights, shaped as tests/model/random_model.h shapes it, as a .safetensors file that nobody wrote: its bytes are
// made when they are read, so that a model of any size takes no disk.

/** In the order of the file. */
function tensorsOf(layers, C, V) {
  const tensors = [];
  const add = (name, ...shape) => tensors.push({ name, shape });
  const norm = (name) => {
    add(`${name}.weight`, C);
    add(`${name}.bias`, C);
  };
  add('emb.weight', V, C);
  norm('blocks.0.ln0');
  for (let layer = 0; layer < layers; layer++) {
    const [block, att, ffn] = ['', 'att.', 'ffn.'].map((half) => `blocks.${layer}.${half}`);
    for (const name of [`${block}ln1`, `${block}ln2`, `${att}ln_x`]) norm(name);
    for (const letter of 'rwkvag') add(`${att}x_${letter}`, 1, 1, C);
    for (const [letter, rank] of Object.entries({ w: 64, a: 64, v: 32, g: 128 })) {
      add(`${att}${letter}1`, C, rank);
      add(`${att}${letter}2`, rank, C);
      if (letter !== 'g') add(`${att}${letter}0`, 1, 1, C);
    }
    for (const name of ['k_k', 'k_a']) add(att + name, 1, 1, C);
    add(`${att}r_k`, C / 64, 64);
    for (const name of ['receptance', 'key', 'value', 'output']) add(`${att}${name}.weight`, C, C);
    add(`${ffn}x_k`, 1, 1, C);
    add(`${ffn}key.weight`, 4 * C, C);
    add(`${ffn}value.weight`, C, 4 * C);
  }
  norm('ln_out');
  add('head.weight', V, C);
  return tensors;
}

/** A source as the core reads them (web/worker/module.ts). Weights are uniform in +-0.05; they come again every 2 MB. */
export function randomSource(layers, channels, vocabulary) {
  const header = {};
  let end = 0;
  for (const { name, shape } of tensorsOf(layers, channels, vocabulary)) {
    const bytes = 2 * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: 'BF16', shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const head = new Uint8Array(8 + text.length + (text.length % 2)).fill(32);
  head.set(new Uint8Array(BigUint64Array.of(BigInt(head.length - 8)).buffer));
  head.set(text, 8);

  let state = 1;
  const weights = Uint16Array.from({ length: 1 << 20 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const [bits = 0] = new Uint32Array(Float32Array.of((state / 2 ** 32 - 0.5) / 10).buffer);
    return bits >>> 16;
  });
  const block = new Uint8Array(weights.buffer);
  return {
    name: `random-${layers}-${channels}-${vocabulary}.safetensors`,
    size: head.length + end,
    read(offset, into) {
      let at = Math.max(0, Math.min(into.length, head.length - offset));
      if (at > 0) into.set(head.subarray(offset, offset + at));
      while (at < into.length) {
        const from = (offset + at - head.length) % block.length;
        const piece = block.subarray(from, from + into.length - at);
        into.set(piece, at);
        at += piece.length;
      }
      return '';
    },
  };
}
