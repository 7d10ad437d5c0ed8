// Models cut into several files, as their makers do.

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [begin: number, end: number];
}

/** A file of a split model. */
export interface PartFile {
  readonly name: string;
  readonly bytes: Buffer<ArrayBuffer>;
}

/** A safetensors file as `count` files, and the index of them, which comes last. */
export function cutSafetensors(file: Buffer, count: number): PartFile[] {
  const start = 8 + Number(file.readBigUInt64LE());
  const all: Record<string, Entry> = JSON.parse(file.subarray(8, start).toString());
  const names = Object.keys(all).filter((name) => name !== '__metadata__');
  const map: Record<string, string> = {};
  const parts = Array.from({ length: count }, (_, i): PartFile => {
    const name = `model-${number(i + 1)}-of-${number(count)}.safetensors`;
    const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
    const pieces: Buffer[] = [];
    let end = 0;
    for (const tensor of names.filter((_, n) => n % count === i)) {
      const { data_offsets, ...rest } = all[tensor] ?? { data_offsets: [0, 0] };
      const piece = file.subarray(start + data_offsets[0], start + data_offsets[1]);
      header[tensor] = { ...rest, data_offsets: [end, end + piece.length] };
      end += piece.length;
      pieces.push(piece);
      map[tensor] = name;
    }
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    return { name, bytes: Buffer.concat([length, text, ...pieces]) };
  });
  const index = JSON.stringify({ metadata: { total_size: 1 }, weight_map: map });
  return [...parts, { name: 'model.safetensors.index.json', bytes: Buffer.from(index) }];
}

/** A GGUF file as `count` files, as llama-gguf-split cuts it: the metadata is in the first. */
export function cutGguf(file: Buffer, count: number): PartFile[] {
  const { pairs, metadata, tensors, data } = readGguf(file);
  return Array.from({ length: count }, (_, i): PartFile => {
    const from = Math.floor((tensors.length * i) / count);
    const own = tensors.slice(from, Math.floor((tensors.length * (i + 1)) / count));
    const split = [
      pair('split.no', 2, i),
      pair('split.count', 2, count),
      pair('split.tensors.count', 5, tensors.length),
    ];
    const heads: Buffer[] = [];
    const pieces: Buffer[] = [];
    let end = 0;
    for (const { head, begin, finish } of own) {
      const piece = padded(file.subarray(data + begin, data + finish));
      heads.push(head, u64(end));
      pieces.push(piece);
      end += piece.length;
    }
    const first = i === 0;
    const start = [file.subarray(0, 8), u64(own.length), u64(split.length + (first ? pairs : 0))];
    const header = Buffer.concat([...start, ...(first ? [metadata] : []), ...split, ...heads]);
    return {
      name: `model-${number(i + 1)}-of-${number(count)}.gguf`,
      bytes: Buffer.concat([padded(header), ...pieces]),
    };
  });
}

const number = (n: number) => String(n).padStart(5, '0');
const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 31)]);

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

// Of type 2, a u16, or 5, an i32.
function pair(key: string, type: 2 | 5, value: number): Buffer {
  const bytes = Buffer.alloc(type === 2 ? 6 : 8);
  bytes.writeUInt32LE(type);
  if (type === 2) bytes.writeUInt16LE(value, 4);
  else bytes.writeInt32LE(value, 4);
  return Buffer.concat([u64(key.length), Buffer.from(key), bytes]);
}

// The descriptions of the tensors without their offsets; `data`: where the data starts, which the offsets count from.
function readGguf(file: Buffer) {
  const long = (at: number) => Number(file.readBigUInt64LE(at));
  const sizes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
  const [tensorCount, pairs] = [long(8), long(16)];
  let at = 24;
  const skip = (type: number) => {
    if (type === 8) at += 8 + long(at);
    else if (type === 9) {
      const [of, count] = [file.readUInt32LE(at), long(at + 4)];
      at += 12;
      for (let i = 0; i < count; i++) skip(of);
    } else at += sizes[type] ?? 0;
  };
  for (let i = 0; i < pairs; i++) {
    at += 8 + long(at) + 4;
    skip(file.readUInt32LE(at - 4));
  }
  const metadata = file.subarray(24, at);
  const found = Array.from({ length: tensorCount }, () => {
    const start = at;
    at += 8 + long(at);
    at += 4 + 8 * file.readUInt32LE(at) + 4;
    const head = file.subarray(start, at);
    at += 8;
    return { head, begin: long(at - 8) };
  });
  const data = Math.ceil(at / 32) * 32;
  const tensors = found.map((tensor, i) => ({
    ...tensor,
    finish: found[i + 1]?.begin ?? file.length - data,
  }));
  return { pairs, metadata, tensors, data };
}
