/** Calls that must not overlap, one after another in the order in which they came. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Waits until all who came before have left.
   *
   * @returns what to call to leave; calling it again does nothing.
   * @throws the reason of `signal` when it aborts first; the place in the queue is then given up.
   */
  async enter(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    const before = this.#last;
    let leave = () => {};
    const mine = new Promise<void>((resolve) => {
      leave = resolve;
    });
    this.#last = before.then(() => mine);
    let abort = () => {};
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal?.reason);
      signal?.addEventListener('abort', abort);
    });
    try {
      await Promise.race([before, aborted]);
    } catch (error) {
      leave();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    return leave;
  }
}
