// A semaphore, first come first served: how many texts are generated at once. Each holds a state, and memory has an end.
// A call takes as many slots at once as it makes texts, which semaphores of libraries do not do in order.

import { onAbort } from '../../shared/aborts.js';
import type { ModelInfo } from '../../shared/types.js';

interface Waiting {
  readonly count: number;
  readonly enter: () => void;
}

const memory = 2 ** 32; // bytes that WebAssembly can name
const scratch = 2 ** 28; // bytes for passes, prompts and the module itself

/** How many texts can be generated at once beside the weights: each is a state and logits, as they are and as they were before. */
export function textsThatFit({ bytes, stateBytes, vocabulary }: ModelInfo): number {
  const copies = 3; // now, before the call, and where a stop text may have begun
  return Math.max(1, Math.floor((memory - bytes - scratch) / (copies * (stateBytes + 4 * vocabulary))));
}

/** A number of slots; who finds too few of them waits, in the order in which all came. */
export class Slots {
  readonly #most: number;
  readonly #waiting = new Set<Waiting>();
  #free: number;

  constructor(most: number) {
    this.#most = most;
    this.#free = most;
  }

  /**
   * Takes `count` slots, or all where there are fewer.
   *
   * @returns what to call once to give them back
   * @throws the reason of `signal` when it aborts before
   */
  async enter(count: number, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    const taken = Math.min(count, this.#most);
    let unhear = () => {};
    await new Promise<void>((resolve, reject) => {
      const waiting = { count: taken, enter: resolve };
      unhear = onAbort(signal, () => {
        this.#waiting.delete(waiting);
        reject(signal?.reason);
        this.#admit();
      });
      this.#waiting.add(waiting);
      this.#admit();
    }).finally(() => unhear());
    return () => {
      this.#free += taken;
      this.#admit();
    };
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      if (waiting.count > this.#free) return;
      this.#free -= waiting.count;
      this.#waiting.delete(waiting);
      waiting.enter();
    }
  }
}
