// GGUF files put together, as llama.cpp splits them: the first has the metadata, each has a part of the tensors. The joined
// file has the metadata of the first, which says that it is not split, the descriptions of all tensors, the data of each file.
import { RwkvError } from '../../shared/errors.js';
import type { ByteSource } from '../../store/shelf.js';
import { joinedSource, memoryPiece, type Piece, pieceOf } from '../../store/sources.js';
import { Cursor } from './cursor.js';

// Bytes of a value by the number of its type: u8 i8 u16 i16 u32 i32 f32 bool string array u64 i64 f64.
const valueBytes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const [string, array] = [8, 9];
const mostEntries = 65_536;
const mostStrings = 2 ** 22;
const deepest = 4; // arrays of arrays
const alignment = 32; // of data where a file does not say

/** What a part tells. */
interface Part {
  readonly source: ByteSource;
  /** Which of how many. */
  readonly number: number;
  readonly count: number;
  readonly version: number;
  readonly pairs: number;
  readonly alignment: number;
  /** The stretches of its metadata before and behind the value that tells `count`. */
  readonly metadata: readonly Piece[];
  readonly tensors: readonly { readonly head: Uint8Array; readonly offset: number }[];
  /** Where its data starts. */
  readonly data: number;
}

export const joinGguf = {
  /** Whether a file looks like one. */
  reads(source: ByteSource): boolean {
    const magic = new Uint8Array(4);
    if (source.size >= 4) source.read(0, magic);
    return String.fromCharCode(...magic) === 'GGUF';
  },

  join(name: string, sources: readonly ByteSource[]): ByteSource {
    const parts = sources.map(readPart).sort((a, b) => a.number - b.number);
    for (const [i, { source, number, count, version }] of parts.entries()) {
      if (number === i && count === parts.length && version === parts[0]?.version) continue;
      throw new RwkvError(
        'bad-file',
        `${source.name}: part ${number + 1} of ${count}, expected part ${i + 1} of ${parts.length} files that were split together`,
      );
    }
    const [first] = parts;
    if (!first) throw new RwkvError('bad-file', `${name}: a model of no files`);
    const tensors = parts.reduce((sum, part) => sum + part.tensors.length, 0);
    const head = words([4, 0x46554747], [4, first.version], [8, tensors], [8, first.pairs]);
    const pieces: Piece[] = [memoryPiece(head), ...first.metadata];
    let end = 0; // of the data so far
    for (const part of parts) {
      for (const { head, offset } of part.tensors)
        pieces.push(memoryPiece(head), memoryPiece(words([8, end + offset])));
      end = aligned(end + part.source.size - part.data, first.alignment);
    }
    const before = sizeOf(pieces);
    pieces.push(zeros(aligned(before, first.alignment) - before));
    for (const { source, data } of parts) {
      const length = source.size - data;
      pieces.push(pieceOf(source, data, length), zeros(aligned(length, first.alignment) - length));
    }
    return joinedSource(name, pieces, () => {
      for (const source of sources) source.close();
    });
  },
};

function readPart(source: ByteSource): Part {
  const cursor = new Cursor(source);
  cursor.skip(4); // the magic
  const version = cursor.u32();
  if (version !== 2 && version !== 3) throw cursor.error(`GGUF version ${version}, expected 2 or 3`);
  const [tensorCount, pairs] = [cursor.u64(), cursor.u64()];
  if (tensorCount > mostEntries || pairs > mostEntries)
    throw cursor.error(`${pairs} key-value pairs and ${tensorCount} tensors`);
  const found = { number: 0, count: 1, alignment };
  const seen = { strings: 0 };
  const metadata: Piece[] = [];
  let from = cursor.at;
  for (let i = 0; i < pairs; i++) {
    const key = textOf(cursor);
    const type = cursor.u32();
    const at = cursor.at;
    if (key === 'split.no') found.number = whole(cursor, type);
    else if (key === 'general.alignment') found.alignment = whole(cursor, type);
    else if (key === 'split.count') {
      found.count = whole(cursor, type);
      metadata.push(pieceOf(source, from, at - from), memoryPiece(words([cursor.at - at, 1])));
      from = cursor.at;
    } else skipValue(cursor, type, seen);
  }
  metadata.push(pieceOf(source, from, cursor.at - from));
  if (found.alignment < 1 || found.alignment > 1 << 20) throw cursor.error(`alignment ${found.alignment}`);
  const tensors = Array.from({ length: tensorCount }, () => {
    const start = cursor.at;
    textOf(cursor);
    const rank = cursor.u32();
    if (rank > 8) throw cursor.error(`a tensor of ${rank} dimensions`);
    cursor.skip(8 * rank + 4);
    const length = cursor.at - start;
    cursor.at = start;
    return { head: cursor.bytes(length), offset: cursor.u64() };
  });
  const data = aligned(cursor.at, found.alignment);
  if (data > source.size) throw cursor.error('the file is cut off');
  return { source, version, pairs, ...found, metadata, tensors, data };
}

function textOf(cursor: Cursor): string {
  const length = cursor.u64();
  if (length > mostEntries) throw cursor.error(`a name of ${length} bytes`);
  return new TextDecoder().decode(cursor.bytes(length));
}

// A whole number, in any width but 64 bits.
function whole(cursor: Cursor, type: number): number {
  if (type === 2 || type === 3) return cursor.u16();
  if (type === 4 || type === 5) return cursor.u32();
  throw cursor.error(`a value of type ${type}, expected a whole number`);
}

function skipValue(cursor: Cursor, type: number, seen: { strings: number }, depth = 0): void {
  const bytes = valueBytes[type];
  if (bytes === undefined || depth > deepest) throw cursor.error(`a value of type ${type}`);
  if (type === string) cursor.skip(cursor.u64());
  else if (type !== array) cursor.skip(bytes);
  else {
    const of = cursor.u32();
    const count = cursor.u64();
    const each = valueBytes[of];
    if (each) cursor.skip(each * count);
    else {
      seen.strings += count;
      if (seen.strings > mostStrings) throw cursor.error(`${seen.strings} strings in the metadata`);
      for (let i = 0; i < count; i++) skipValue(cursor, of, seen, depth + 1);
    }
  }
}

function words(...numbers: readonly (readonly [bytes: number, value: number])[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    numbers.flatMap(([bytes, value]) =>
      Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256),
    ),
  );
}

const zeros = (length: number): Piece => ({ length, read: (_, into) => void into.fill(0) });
const aligned = (bytes: number, unit: number) => Math.ceil(bytes / unit) * unit;
const sizeOf = (pieces: readonly Piece[]) => pieces.reduce((sum, { length }) => sum + length, 0);
