// Weights on the device: vectors in one buffer, matrices and embedding tables in as many as the device's limits ask for. A tensor that
// is too large for one has its rows in several.
import { RwkvError } from '../../shared/errors.js';
import type { Device } from './device.js';
import type { Piece } from './steps.js';
import { usage } from './usage.js';

/** A tensor of a model: packed groups of 8 rows (src/quant), rows in a type of files (src/quant/dtype.h), or floats. */
export interface Weight {
  readonly kind: 'vector' | 'matrix' | 'embedding';
  /** f32, f16, q8, q4; F32, F16, BF16, Q8_0. */
  readonly dtype: string;
  readonly rows: number;
  readonly cols: number;
}

const alignment = 256;
const rowsOfGroup = 8;

/** Bytes of what a tensor is cut between: a group of a matrix, a row of a table; and how many it has. */
function unitsOf({ kind, dtype, rows, cols }: Weight): { bytes: number; count: number } {
  const perGroup: Record<string, number> = {
    f32: 32 * cols,
    f16: 16 * cols,
    q8: 9 * cols,
    q4: 32 + 5 * cols,
  };
  const perRow: Record<string, number> = {
    F32: 4 * cols,
    F16: 2 * cols,
    BF16: 2 * cols,
    Q8_0: (cols / 32) * 34,
  };
  const bytes = (kind === 'matrix' ? perGroup : perRow)[dtype];
  if (bytes === undefined)
    throw new RwkvError('unsupported', `${kind} in ${dtype}: no kernel reads it on a device`);
  return { bytes, count: kind === 'matrix' ? Math.ceil(rows / rowsOfGroup) : rows };
}

interface Placed {
  readonly format: string;
  readonly pieces: readonly Piece[];
  readonly unitBytes: number;
}

export class Weights {
  readonly vectors: GPUBuffer;
  readonly buffers: readonly GPUBuffer[];
  readonly #device: GPUDevice;
  readonly #vectorOffsets = new Map<number, number>(); // bytes, by id
  readonly #placed = new Map<number, Placed>();
  /** The last bytes of a tensor that came, where they are no whole word yet. */
  readonly #tails = new Map<number, { end: number; bytes: Uint8Array }>();

  /**
   * Room for them. `bufferBytes`: of a buffer of matrices and tables at most, if not all that the device binds.
   *
   * @throws RwkvError `unsupported`, and as `Device.make`
   */
  static open(
    device: Device,
    weights: readonly Weight[],
    bufferBytes = Number.POSITIVE_INFINITY,
  ): Promise<Weights> {
    return device.make('the weights', () => new Weights(device.gpu, weights, bufferBytes));
  }

  private constructor(device: GPUDevice, weights: readonly Weight[], bufferBytes: number) {
    this.#device = device;
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    const bound = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    const most = Math.floor(Math.min(bound, bufferBytes) / alignment) * alignment;
    const sizes: number[] = [];
    let vectorBytes = alignment;
    weights.forEach((weight, id) => {
      if (weight.kind === 'vector') {
        this.#vectorOffsets.set(id, vectorBytes);
        vectorBytes += align(4 * weight.rows * weight.cols);
      } else this.#placed.set(id, place(weight, sizes, most));
    });
    if (vectorBytes > bound)
      throw new RwkvError(
        'unsupported',
        `vectors of ${vectorBytes} bytes: the device binds ${bound} at most`,
      );
    const make = (size: number) => device.createBuffer({ size, usage: usage.storage | usage.copyTo });
    this.vectors = make(vectorBytes);
    this.buffers = (sizes.length > 0 ? sizes : [alignment]).map(make);
  }

  /** Where the vector lies, in floats. */
  vectorAt(id: number): number {
    const offset = this.#vectorOffsets.get(id);
    if (offset === undefined) throw new Error(`weight ${id}: no vector`);
    return offset / 4;
  }

  /** How its numbers are written, as kernels say it: `q4`, `bf16`. */
  formatOf(id: number): string {
    return this.#find(id).format;
  }

  piecesOf(id: number): readonly Piece[] {
    return this.#find(id).pieces;
  }

  /** Bytes of a tensor from `offset` on, to be called in order; nothing else keeps them. */
  upload(id: number, offset: number, bytes: Uint8Array): void {
    const tail = this.#tails.get(id);
    if (offset % 4 !== 0 && tail?.end !== offset)
      throw new Error(`weight ${id}: bytes from ${offset} on, out of order`);
    const kept = tail?.end === offset ? tail.bytes : new Uint8Array();
    const all = new Uint8Array(Math.ceil((kept.length + bytes.length) / 4) * 4); // ends with zeros, written again by what follows
    all.set(kept);
    all.set(bytes, kept.length);
    const end = offset + bytes.length;
    const whole = kept.length + bytes.length;
    this.#tails.set(id, { end, bytes: all.slice(whole - (end % 4), whole) });
    this.#write(id, offset - kept.length, all);
  }

  #write(id: number, from: number, bytes: Uint8Array): void {
    const vector = this.#vectorOffsets.get(id);
    if (vector !== undefined) {
      this.#device.queue.writeBuffer(this.vectors, vector + from, bytes.slice());
      return;
    }
    const { pieces, unitBytes } = this.#find(id);
    for (const { buffer, offset, first, count } of pieces) {
      const begin = Math.max(from, first * unitBytes);
      const end = Math.min(from + bytes.length, Math.ceil(((first + count) * unitBytes) / 4) * 4);
      const to = this.buffers[buffer];
      if (to && begin < end)
        this.#device.queue.writeBuffer(
          to,
          offset + begin - first * unitBytes,
          bytes.slice(begin - from, end - from),
        );
    }
  }

  #find(id: number): Placed {
    const placed = this.#placed.get(id);
    if (!placed) throw new Error(`weight ${id}: no matrix or table`);
    return placed;
  }

  destroy(): void {
    for (const buffer of [this.vectors, ...this.buffers]) buffer.destroy();
  }
}

const align = (bytes: number) => Math.ceil(bytes / alignment) * alignment;

/** Behind what the last buffer has, if it fits there; else from a new one on. `sizes`: of the buffers, which grow. */
function place(weight: Weight, sizes: number[], most: number): Placed {
  const { bytes, count } = unitsOf(weight);
  const step = bytes % 4 === 0 ? 1 : 2; // pieces begin at whole words
  const fitting = Math.floor(most / bytes / step) * step;
  if (fitting === 0)
    throw new RwkvError('unsupported', `a row of ${bytes} bytes: the device binds ${most} at most`);
  const pieces: Piece[] = [];
  for (let first = 0; first < count; ) {
    const part = Math.min(count - first, fitting);
    const last = sizes.at(-1);
    if (last === undefined || last + align(part * bytes) > most) sizes.push(0);
    const buffer = sizes.length - 1;
    const offset = sizes[buffer] ?? 0;
    pieces.push({ buffer, offset, first, count: part, isWhole: part === count });
    sizes[buffer] = offset + align(part * bytes);
    first += part;
  }
  return { format: weight.dtype.toLowerCase(), pieces, unitBytes: bytes };
}
