// Which of the models that are known by name the page offers, and what each asks of this device. Nothing is asked of other
// sites before someone chooses a file.
import { type KnownModel, knownModels } from 'rwkv-wasm';
import { bytes } from '../format.js';

/** Of the present series the newest of each size, the small ones first: the authors' files, and half as large in q8. */
export const offered: readonly KnownModel[] = knownModels
  .filter(({ kind }) => /^rwkv7-g1-[\d.]+b(-q8_0)?$/.test(kind))
  .filter(({ kind, date }) => !knownModels.some((other) => other.kind === kind && other.date > date))
  .sort((a, b) => a.billions - b.billions || b.bytes - a.bytes);

/** Bytes a weight in q4, the smallest form. */
const leastBytes = 0.63;
/** What WebAssembly can have. */
const mostBytes = 4 * 2 ** 30;

/** What a model takes of this device, and why it may not fit; `room`: bytes that may still be stored. */
export function demands({ bytes: size, vocabulary }: KnownModel, room: number | undefined) {
  const weights = size / (vocabulary === 'world' ? 2 : 1.0625); // the authors' are in bf16, the others in Q8_0
  const memory = weights * leastBytes;
  // In gigabytes, and never more than 8 or 32: some browsers tell it.
  const told: unknown = 'deviceMemory' in navigator ? navigator.deviceMemory : undefined;
  const deviceMemory = typeof told === 'number' ? told : Infinity;
  const problem =
    memory > mostBytes
      ? 'too large for a page'
      : room !== undefined && size > room
        ? `more than the ${bytes(room)} that may still be stored here`
        : memory > (deviceMemory * 2 ** 30) / 2
          ? `may not fit into this device's ${deviceMemory} GB of memory`
          : undefined;
  return { memory, problem };
}

/** The pages where files lie. */
export function pagesOf({ sources }: KnownModel): readonly URL[] {
  return sources.map((source) => {
    const [, repository] = /^hf:([^/]+\/[^/]+)\//.exec(source) ?? [];
    return new URL(
      repository ? `https://huggingface.co/${repository}` : source.replace(/\/resolve\/.*$/, ''),
    );
  });
}

/** Where the authors and others keep more. */
export const moreModels = [
  { name: 'BlinkDL/rwkv7-g1', page: 'https://huggingface.co/BlinkDL/rwkv7-g1' },
  { name: 'shoumenchougou/rwkv7-gxx-gguf', page: 'https://huggingface.co/shoumenchougou/rwkv7-gxx-gguf' },
] as const;
