// How a run is kept, and gone on from.
import type { Place } from '../../shared/protocol.js';
import type { Client } from '../client.js';
import type { checkTuneOptions } from './options.js';

type Wishes = ReturnType<typeof checkTuneOptions>['checkpoint'];

/** Hands checkpoints to who wants them. */
export class Keeper {
  readonly #client: Client;
  readonly #wishes: Wishes;
  #keptAt = performance.now();
  #kept: number; // the step

  constructor(client: Client, wishes: Wishes, step: number) {
    this.#client = client;
    this.#wishes = wishes;
    this.#kept = step;
  }

  get isDue(): boolean {
    return secondsSince(this.#keptAt) >= this.#wishes.seconds;
  }

  /** What there is after so many steps, unless it was kept before. */
  async keep(step: number): Promise<void> {
    const { save } = this.#wishes;
    if (!save || step === this.#kept) return;
    await save(await this.#client.call('saveTuning', {}));
    this.#kept = step;
    this.#keptAt = performance.now();
  }
}

/** Where the bytes of a checkpoint are: copied, the caller's stay the caller's. */
export function placeOf(resume: ArrayBuffer | ArrayBufferView | undefined): Place | null {
  if (resume === undefined) return null;
  const view = ArrayBuffer.isView(resume) ? resume : new Uint8Array(resume);
  const bytes = Uint8Array.from(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return { kind: 'bytes', name: 'option checkpoint.resume', bytes };
}

/** Never 0: the clocks of pages are coarse. */
export function secondsSince(then: number): number {
  return Math.max((performance.now() - then) / 1000, 1e-6);
}
