// Builds safetensors files in memory, and adds tensors to such files.

/** A tensor of floats: its shape, and its values unless they are zeros. */
export type FloatTensor = readonly [shape: readonly number[], values?: Float32Array];

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [begin: number, end: number];
}

const floats = ([shape, values]: FloatTensor): Float32Array =>
  values ?? new Float32Array(shape.reduce((product, size) => product * size, 1));

export function safetensors(tensors: Record<string, FloatTensor>): Buffer {
  return withTensors(fileOf({}, []), tensors);
}

/** `file` with more tensors; a packed one is without its checksums then, which would be those of another. */
export function withTensors(file: Uint8Array, tensors: Record<string, FloatTensor>): Buffer {
  const bytes = Buffer.from(file);
  const end = 8 + Number(bytes.readBigUInt64LE());
  const { rwkv_wasm_checksums: checksums, ...entries }: Record<string, Entry> = JSON.parse(
    bytes.subarray(8, end).toString(),
  );
  for (const entry of Object.values(entries)) Reflect.deleteProperty(entry, 'rwkv_wasm_piece_bytes'); // of the metadata
  let offset = checksums?.data_offsets[0] ?? bytes.length - end;
  const pieces: Buffer[] = [bytes.subarray(end, end + offset)];
  for (const [name, tensor] of Object.entries(tensors)) {
    const values = floats(tensor);
    entries[name] = { dtype: 'F32', shape: tensor[0], data_offsets: [offset, offset + values.byteLength] };
    pieces.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    offset += values.byteLength;
  }
  return fileOf(entries, pieces);
}

function fileOf(entries: Record<string, Entry>, data: readonly Buffer[]): Buffer {
  const header = Buffer.from(JSON.stringify(entries));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, ...data]);
}
