import { onAbort } from '../shared/aborts.js';

/**
 * Calls that must not overlap, one after another in the order in which they came. Queues of libraries run functions; loops enter and
 * leave.
 */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Waits until all who came before have left.
   *
   * @returns what to call to leave; calling it again does nothing.
   * @throws the reason of the signal that aborts first; the place in the queue is then given up.
   */
  async enter(...signals: readonly (AbortSignal | undefined)[]): Promise<() => void> {
    for (const signal of signals) signal?.throwIfAborted();
    const before = this.#last;
    let leave = () => {};
    const mine = new Promise<void>((resolve) => {
      leave = resolve;
    });
    this.#last = before.then(() => mine);
    let unhear: (() => void)[] = [];
    const aborted = new Promise<never>((_, reject) => {
      unhear = signals.map((signal) => onAbort(signal, () => reject(signal?.reason)));
    });
    try {
      await Promise.race([before, aborted]);
    } catch (error) {
      leave();
      throw error;
    } finally {
      for (const end of unhear) end();
    }
    return leave;
  }
}
