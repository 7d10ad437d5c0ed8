// Calls into a faked host that fail: the n-th of a name, once.

/**
 * The error of a DOMException's name; a call that does half; one that settles when it is let; right before it the folder is removed, or
 * the worker ended.
 */
export type Fault =
  | 'UnknownError'
  | 'QuotaExceededError'
  | 'NoModificationAllowedError'
  | 'NotFoundError'
  | 'short'
  | 'late'
  | 'removed'
  | 'ended';

/** What a worker that was ended throws instead of going on. */
export class Ended extends Error {}

export class Faults {
  readonly #removeFolder: () => void;
  #planned: { readonly name: string; readonly fault: Fault; left: number } | undefined;
  #hasEnded = false;
  #release = () => {};
  #struck = () => {};

  constructor(removeFolder: () => void) {
    this.#removeFolder = removeFolder;
  }

  /** Resolves when the fault has come, if it comes. */
  plan(name: string, n: number, fault: Fault): Promise<void> {
    this.#planned = { name, fault, left: n };
    return new Promise((resolve) => {
      this.#struck = resolve;
    });
  }

  /** Ends the fault and what waits for it; whether it had come. */
  heal(): boolean {
    const hasStruck = (this.#planned?.left ?? 0) <= 0;
    this.#planned = undefined;
    this.#hasEnded = false;
    this.#release();
    return hasStruck;
  }

  /** What is late never comes. */
  forget(): void {
    this.#release = () => {};
  }

  /** For a call that does its work at once; whether it is to do half of it. */
  strike(name: string): boolean {
    if (this.#hasEnded) throw new Ended();
    const planned = this.#planned;
    if (planned?.name !== name || --planned.left !== 0) return false;
    this.#struck();
    const { fault } = planned;
    if (fault === 'removed') this.#removeFolder();
    if (fault === 'short' || fault === 'late' || fault === 'removed') return fault === 'short';
    this.#hasEnded = fault === 'ended';
    throw this.#hasEnded ? new Ended() : new DOMException(`it fails, ${name}`, fault);
  }

  /** For one that gives a promise. */
  async wait(name: string): Promise<void> {
    this.strike(name);
    if (this.#planned?.name !== name || this.#planned.left !== 0 || this.#planned.fault !== 'late') return;
    this.#planned.left = -1;
    await new Promise<void>((resolve) => {
      this.#release = resolve;
    });
  }
}
