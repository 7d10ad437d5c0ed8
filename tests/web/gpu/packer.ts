// Packed groups of 8 rows, as src/quant has them, made and read in the plainest way: rounding alone, no search for good scales.
export type Format = 'f32' | 'f16' | 'q8' | 'q4';
export const formats: readonly Format[] = ['f32', 'f16', 'q8', 'q4'];

const rowsOfGroup = 8;

/** Columns of a block of 32 in the order of quads (src/quant/group.h). */
const columnOf = (quad: number, i: number) => 2 * quad + (i % 2) + Math.floor(i / 2) * 16;

/** Values (M, K) row by row. */
export function pack(format: Format, K: number, values: readonly number[]): Uint8Array {
  const groups = Math.ceil(values.length / K / rowsOfGroup);
  const parts = Array.from({ length: groups }, (_, group) => {
    const at = (row: number, k: number) => values[(group * rowsOfGroup + row) * K + k] ?? 0;
    return { f32: packF32, f16: packF16, q8: packQ8, q4: packQ4 }[format](K, at);
  });
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

type At = (row: number, k: number) => number;

function packF32(K: number, at: At): Uint8Array {
  const columns = Array.from({ length: K }, (_, k) => Array.from({ length: 8 }, (_, row) => at(row, k)));
  return new Uint8Array(Float32Array.from(columns.flat()).buffer);
}

function packF16(K: number, at: At): Uint8Array {
  const rows = [0, 4, 1, 5, 2, 6, 3, 7]; // lane i has row i below and row 4 + i above
  const columns = Array.from({ length: K }, (_, k) => rows.map((row) => halfOf(at(row, k))));
  return new Uint8Array(Uint16Array.from(columns.flat()).buffer);
}

function packQ8(K: number, at: At): Uint8Array {
  const bytes = new Uint8Array((K / 32) * 288);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < K / 32; block++)
    for (let row = 0; row < 8; row++) {
      const { scale, levels } = q8Levels(Array.from({ length: 32 }, (_, k) => at(row, 32 * block + k)));
      view.setFloat32(288 * block + 4 * row, scale, true);
      for (let quad = 0; quad < 8; quad++)
        for (let i = 0; i < 4; i++)
          bytes[288 * block + 32 + 32 * quad + 4 * row + i] = levels[columnOf(quad, i)] ?? 0;
    }
  return bytes;
}

function q8Levels(w: readonly number[]): { scale: number; levels: number[] } {
  const scale = Math.fround(Math.max(...w.map(Math.abs)) / 63);
  return { scale, levels: w.map((value) => (scale ? Math.round(value / scale) : 0) + 64) };
}

function packQ4(K: number, at: At): Uint8Array {
  const bytes = new Uint8Array(32 + 5 * K);
  const view = new DataView(bytes.buffer);
  for (let row = 0; row < 8; row++) {
    const { unit, parts } = q4Levels(Array.from({ length: K }, (_, k) => at(row, k)));
    const i = row % 4;
    const j = Math.floor(row / 4);
    view.setFloat32(4 * row, unit, true);
    for (let k = 0; k < K; k++) {
      const block = 32 + 160 * Math.floor(k / 32);
      const h = Math.floor((k % 32) / 16);
      const part = parts[Math.floor(k / 16)];
      bytes[block + 4 * i + 2 * h + j] = part?.scale ?? 0;
      view.setInt8(block + 16 + 4 * i + 2 * h + j, part?.zero ?? 0);
      const place = block + 32 + 16 * Math.floor((k % 16) / 2) + 4 * i + (k % 2) + 2 * h;
      bytes[place] = (bytes[place] ?? 0) | ((part?.levels[k % 16] ?? 0) << (4 * j));
    }
  }
  return bytes;
}

interface Part {
  readonly scale: number;
  readonly zero: number;
  readonly levels: readonly number[];
}

// w = unit scale (q - 8 - zero / 16), from the smallest to the largest value of 16 columns.
function q4Levels(w: readonly number[]): { unit: number; parts: Part[] } {
  const parts = Array.from({ length: w.length / 16 }, (_, i) => w.slice(16 * i, 16 * i + 16));
  const steps = parts.map((part) => (Math.max(...part) - Math.min(...part)) / 15);
  const unit = Math.fround(Math.max(...steps) / 255);
  return {
    unit,
    parts: parts.map((part, i) => {
      const scale = Math.max(1, Math.round((steps[i] ?? 0) / unit));
      const step = scale * unit;
      const zero = clamp(Math.round(16 * (-Math.min(...part) / step - 8)), -128, 127);
      return { scale, zero, levels: part.map((v) => clamp(Math.round(v / step + 8 + zero / 16), 0, 15)) };
    }),
  };
}

const clamp = (v: number, low: number, high: number) => Math.min(Math.max(v, low), high);

/** The values (M, K) that packed ones stand for, as src/quant/*.cpp unpack them. */
export function unpack(format: Format, M: number, K: number, bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groupBytes = { f32: 32 * K, f16: 16 * K, q8: 9 * K, q4: 32 + 5 * K }[format];
  return Array.from({ length: M * K }, (_, i) => {
    const row = Math.floor(i / K);
    const group = Math.floor(row / rowsOfGroup) * groupBytes;
    return { f32: valueF32, f16: valueF16, q8: valueQ8, q4: valueQ4 }[format](view, group, row % 8, i % K);
  });
}

const valueF32 = (view: DataView, group: number, row: number, k: number) =>
  view.getFloat32(group + 32 * k + 4 * row, true);
const valueF16 = (view: DataView, group: number, row: number, k: number) =>
  floatOfHalf(view.getUint16(group + 16 * k + 4 * (row % 4) + 2 * Math.floor(row / 4), true));
const quadOf = (k: number) => Math.floor((k % 16) / 2);
const placeOf = (k: number) => (k % 2) + 2 * Math.floor((k % 32) / 16);

function valueQ8(view: DataView, group: number, row: number, k: number): number {
  const block = group + 288 * Math.floor(k / 32);
  const level = view.getUint8(block + 32 + 32 * quadOf(k) + 4 * row + placeOf(k));
  return view.getFloat32(block + 4 * row, true) * (level - 64);
}

function valueQ4(view: DataView, group: number, row: number, k: number): number {
  const [i, j, h] = [row % 4, Math.floor(row / 4), Math.floor((k % 32) / 16)];
  const block = group + 32 + 160 * Math.floor(k / 32);
  const scale = view.getUint8(block + 4 * i + 2 * h + j);
  const zero = view.getInt8(block + 16 + 4 * i + 2 * h + j);
  const q = (view.getUint8(block + 32 + 16 * quadOf(k) + 4 * i + placeOf(k)) >> (4 * j)) & 15;
  return (view.getFloat32(group + 4 * row, true) / 16) * scale * (16 * (q - 8) - zero);
}

/** Halves: cut off rather than rounded, which does for tests. 0 below 2^-14. */
export function halfOf(value: number): number {
  const [bits = 0] = new Uint32Array(Float32Array.of(value).buffer);
  const exponent = ((bits >> 23) & 255) - 112;
  return exponent <= 0 ? 0 : ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >> 13) & 1023);
}

export function floatOfHalf(half: number): number {
  const magnitude = half & 0x7fff;
  const [value = 0] = new Float32Array(Uint32Array.of(magnitude << 13).buffer);
  return (half & 0x8000 ? -1 : 1) * value * 2 ** 112;
}
