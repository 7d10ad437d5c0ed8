// A reader of packed files, written by what src/formats/packed.md says and by nothing else.

/** What a tensor means: rows of values, one of a vector. */
export interface Weights {
  /** How they lay in the file: 'F32', 'Q8_0', 'q8', 'q8.T'. */
  readonly layout: string;
  readonly rows: readonly Float64Array[];
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [begin: number, end: number];
}

const bfloat16 = (bytes: DataView, at: number) => {
  const value = new DataView(new ArrayBuffer(4));
  value.setUint16(2, bytes.getUint16(at, true), true);
  return value.getFloat32(0, true);
};

const float16 = (bytes: DataView, at: number) => {
  const half = bytes.getUint16(at, true);
  const [exponent, mantissa] = [(half >> 10) & 31, half & 1023];
  const size = exponent ? (1024 + mantissa) * 2 ** (exponent - 25) : mantissa * 2 ** -24;
  return half & 0x8000 ? -size : size;
};

const float32 = (bytes: DataView, at: number) => bytes.getFloat32(at, true);

/** The bytes of a group of 8 rows of K columns, and the weight in row r and column k of it. */
interface Layout {
  groupBytes(K: number): number;
  weight(group: DataView, r: number, k: number): number;
}

// Where column c of a block stands: its quad, and its place there.
const quadOf = (c: number) => Math.floor((c % 16) / 2);
const placeOf = (c: number) => (c % 2) + 2 * Math.floor(c / 16);

const layouts: Readonly<Record<string, Layout>> = {
  f32: { groupBytes: (K) => 32 * K, weight: (group, r, k) => float32(group, 32 * k + 4 * r) },
  f16: {
    groupBytes: (K) => 16 * K,
    weight: (group, r, k) => float16(group, 16 * k + 4 * (r % 4) + 2 * Math.floor(r / 4)),
  },
  q8: {
    groupBytes: (K) => 288 * (K / 32),
    weight(group, r, k) {
      const block = 288 * Math.floor(k / 32);
      const q = group.getUint8(block + 32 + 32 * quadOf(k % 32) + 4 * r + placeOf(k % 32));
      return float32(group, block + 4 * r) * (q - 64);
    },
  },
  q4: {
    groupBytes: (K) => 32 + 160 * (K / 32),
    weight(group, r, k) {
      const [block, c, half] = [32 + 160 * Math.floor(k / 32), k % 32, Math.floor(r / 4)];
      const part = 4 * (r % 4) + 2 * Math.floor(c / 16) + half;
      const [scale, zero] = [group.getUint8(block + part), group.getInt8(block + 16 + part)];
      const both = group.getUint8(block + 32 + 16 * quadOf(c) + 4 * (r % 4) + placeOf(c));
      const q = half === 0 ? both & 15 : both >> 4;
      return float32(group, 4 * r) * scale * (q - 8 - zero / 16);
    },
  },
};

const scaleOf = (bytes: DataView, at: number) => float16(bytes, 34 * Math.floor(at / 32));
const elements: Readonly<Record<string, (bytes: DataView, at: number) => number>> = {
  F32: (bytes, at) => float32(bytes, 4 * at),
  F16: (bytes, at) => float16(bytes, 2 * at),
  BF16: (bytes, at) => bfloat16(bytes, 2 * at),
  Q8_0: (bytes, at) => scaleOf(bytes, at) * bytes.getInt8(34 * Math.floor(at / 32) + 2 + (at % 32)),
};

const matrix = (rows: number, cols: number, value: (row: number, col: number) => number) =>
  Array.from({ length: rows }, (_, row) => Float64Array.from({ length: cols }, (_, col) => value(row, col)));

/** What a U8 tensor holds; the transpose of it where the description says so. */
function described(description: string, bytes: DataView): Weights {
  const [, name = '', mark, sizes = ''] = /^(\w+)(\.T)? (\d+(?: \d+)*)$/.exec(description) ?? [];
  const shape = sizes.split(' ').map(Number);
  const [layout, [rows = 0, cols = 0]] = [layouts[name], shape];
  if (!layout) return plain(name, shape, bytes);
  const groupBytes = layout.groupBytes(cols);
  if (bytes.byteLength !== Math.ceil(rows / 8) * groupBytes)
    throw new Error(`${bytes.byteLength} bytes are not ${description}`);
  const groups = Array.from(
    { length: Math.ceil(rows / 8) },
    (_, i) => new DataView(bytes.buffer, bytes.byteOffset + i * groupBytes, groupBytes),
  );
  const weight = (row: number, col: number) =>
    layout.weight(groups[Math.floor(row / 8)] ?? bytes, row % 8, col);
  return {
    layout: name + (mark ?? ''),
    rows: mark ? matrix(cols, rows, (row, col) => weight(col, row)) : matrix(rows, cols, weight),
  };
}

function plain(dtype: string, shape: readonly number[], bytes: DataView): Weights {
  const element = elements[dtype];
  if (!element) throw new Error(`${dtype} is not expected here`);
  const cols = shape.at(-1) ?? 1;
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1);
  return { layout: dtype, rows: matrix(rows, cols, (row, col) => element(bytes, row * cols + col)) };
}

/** The checksum of a piece. */
function checksum(piece: Uint8Array): bigint {
  const blocks = new DataView(new ArrayBuffer(4096 * (Math.floor(piece.length / 4096) + 1)));
  new Uint8Array(blocks.buffer).set(piece);
  let hash = 0n;
  for (let block = 0; block < blocks.byteLength; block += 4096) {
    const [a, b] = [new BigUint64Array(2), new BigUint64Array(2)];
    for (let at = 0; at < 4096; at += 8) {
      const i = (at / 8) % 2;
      a[i] = (a[i] ?? 0n) + blocks.getBigUint64(block + at, true);
      b[i] = (b[i] ?? 0n) + (a[i] ?? 0n);
    }
    for (const sum of [...a, ...b]) {
      hash = BigInt.asUintN(64, (hash ^ sum) * 0x9e3779b97f4a7c15n);
      hash ^= hash >> 32n;
    }
  }
  return hash ^ BigInt(piece.length);
}

const checksumsName = 'rwkv_wasm_checksums';

/** Throws where a piece of the header or of a tensor is not what its checksum says. */
function verify(file: Uint8Array, start: number, tensors: readonly Entry[], sums: Entry, size: number): void {
  const pieces = [file.subarray(0, start)];
  const inOrder = tensors.map(({ data_offsets }) => data_offsets).sort(([a], [b]) => a - b);
  for (const [begin, end] of inOrder)
    for (let at = begin; at < end; at += size)
      pieces.push(file.subarray(start + at, start + Math.min(at + size, end)));
  const [from, to] = sums.data_offsets;
  const expected = new DataView(file.buffer, file.byteOffset + start + from, to - from);
  if (expected.byteLength !== 8 * pieces.length) throw new Error(`${pieces.length} pieces`);
  for (const [i, piece] of pieces.entries())
    if (expected.getBigUint64(8 * i, true) !== checksum(piece)) throw new Error(`piece ${i} is damaged`);
}

/** The metadata and the tensors of a packed file, or of an ordinary one. */
export function readPacked(file: Uint8Array): {
  metadata: Record<string, string>;
  tensors: Map<string, Weights>;
} {
  const { buffer, byteOffset } = file;
  const start = 8 + Number(new DataView(buffer, byteOffset).getBigUint64(0, true));
  const header: Record<string, Entry> & { __metadata__?: Record<string, string> } = JSON.parse(
    new TextDecoder().decode(file.subarray(8, start)),
  );
  const { __metadata__: metadata = {}, [checksumsName]: sums, ...entries } = header;
  const { rwkv_wasm_piece_bytes: pieceBytes } = metadata;
  if (sums) verify(file, start, Object.values(entries), sums, Number(pieceBytes));
  const tensors = Object.entries(entries).map(([name, { dtype, shape, data_offsets }]) => {
    const [begin, end] = data_offsets;
    const bytes = new DataView(buffer, byteOffset + start + begin, end - begin);
    const weights = dtype === 'U8' ? described(metadata[name] ?? '', bytes) : plain(dtype, shape, bytes);
    return [name, weights] as const;
  });
  return { metadata, tensors: new Map(tensors) };
}
