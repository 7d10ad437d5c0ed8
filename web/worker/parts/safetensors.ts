// Safetensors files put together: a header that lists the tensors of all, then the data of each.
import { RwkvError, sentence } from '../../shared/errors.js';
import type { ByteSource } from '../../store/shelf.js';
import { joinedSource, memoryPiece, type Piece, pieceOf } from '../../store/sources.js';
import { Cursor } from './cursor.js';

const mostHeader = 100_000_000; // bytes, the format's own limit

export const joinSafetensors = {
  /** Whether a file looks like one. */
  reads(part: ByteSource): boolean {
    if (part.size < 9) return false;
    const first = new Uint8Array(9);
    part.read(0, first);
    return first.subarray(4, 8).every((byte) => byte === 0) && first[8] === 0x7b; // '{' behind a length below 4 GB
  },

  join(name: string, parts: readonly ByteSource[]): ByteSource {
    const from = new Map<string, string>(); // tensor -> its part
    const entries: string[] = [];
    const data: Piece[] = [];
    let end = 0; // of the data so far
    for (const part of parts) {
      const { header, start } = readHeader(part);
      const length = part.size - start;
      for (const [tensor, described] of Object.entries(header)) {
        if (tensor === '__metadata__') continue;
        const twin = from.get(tensor);
        if (twin !== undefined) throw new RwkvError('bad-file', `${part.name}: ${tensor} is in ${twin} too`);
        from.set(tensor, part.name);
        entries.push(`${JSON.stringify(tensor)}:${moved(described, tensor, part.name, length, end)}`);
      }
      data.push(pieceOf(part, start, length));
      end += length;
    }
    const header = new TextEncoder().encode(`{${entries.join(',')}}`);
    const size = new Uint8Array(8);
    new DataView(size.buffer).setBigUint64(0, BigInt(header.length), true);
    return joinedSource(name, [memoryPiece(size), memoryPiece(header), ...data], () => {
      for (const part of parts) part.close();
    });
  },
};

function readHeader(part: ByteSource): { readonly header: object; readonly start: number } {
  const cursor = new Cursor(part);
  const length = cursor.u64();
  if (length > mostHeader) throw cursor.error(`a header of ${length} bytes`);
  try {
    const header: unknown = JSON.parse(new TextDecoder().decode(cursor.bytes(length)));
    return { header: Object(header), start: cursor.at };
  } catch (cause) {
    if (cause instanceof RwkvError) throw cause;
    throw new RwkvError('bad-file', `${part.name}: its header: ${sentence(cause)}`, { cause });
  }
}

// A tensor's description, with its data so many bytes further behind. What else is wrong with it, the core says.
function moved(described: unknown, tensor: string, part: string, length: number, by: number): string {
  const { dtype, shape, data_offsets }: Readonly<Record<string, unknown>> = Object(described);
  const [begin, end]: readonly unknown[] = Array.isArray(data_offsets) ? data_offsets : [];
  if (!isOffset(begin) || !isOffset(end) || begin > end || end > length)
    throw new RwkvError(
      'bad-file',
      `${part}: ${tensor}: data_offsets [${begin}, ${end}], the file has ${length} bytes of data`,
    );
  return JSON.stringify({ dtype, shape, data_offsets: [begin + by, end + by] });
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
