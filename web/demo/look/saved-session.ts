// Reads the recurrent state out of what `session.save` gives; src/session/saved_session.md describes the form.
import type { ModelInfo } from 'rwkv-wasm';

/** Bytes before the lists, and where the lengths of the four of them are. */
const header = 56;
const [queuedAt, penaltiesAt, logitsAt, stateAt] = [40, 44, 48, 52];

/** All heads of one layer: `heads` pictures of `rows` x `columns` floats, one after another. */
export interface LayerState {
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/**
 * The state of every layer. Versions 5 to 7 have heads of N x N, [head][key][value]; version 4 has three rows of C, which are
 * shown as one head without the running maximum. `undefined`: the bytes are of another form or model.
 */
export function layersOf(saved: Uint8Array, info: ModelInfo): LayerState[] | undefined {
  const view = new DataView(saved.buffer, saved.byteOffset, saved.byteLength);
  const length = (at: number) => view.getUint32(at, true);
  const isFull = length(8) === 1 && length(12) === 0;
  const { layers, channels, headSize } = info;
  const isFour = info.version.startsWith('4');
  const perLayer = isFour ? 3 * channels : channels * headSize;
  const stride = 2 * channels + perLayer;
  if (!isFull || length(stateAt) !== stride * layers) return undefined;
  const start = header + 4 * length(queuedAt) + 8 * length(penaltiesAt) + 4 * length(logitsAt);
  const state = new Float32Array(saved.slice(start, start + 4 * stride * layers).buffer);
  return Array.from({ length: layers }, (_, layer) => {
    const first = layer * stride + 2 * channels;
    return isFour
      ? { heads: 1, rows: 2, columns: channels, values: state.subarray(first, first + 2 * channels) }
      : {
          heads: channels / headSize,
          rows: headSize,
          columns: headSize,
          values: state.subarray(first, first + perLayer),
        };
  });
}
