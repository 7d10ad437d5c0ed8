import { bindMembers } from '../../shared/bind.js';

/**
 * Chunks of an answer as they come: loop over it once, for which the work waits. Leaving the loop or aborting its `controller` ends the
 * work in the worker; an aborted stream just ends.
 */
export class OpenAIStream<Chunk> implements AsyncIterable<Chunk> {
  /** Ends the work. */
  readonly controller: AbortController;
  readonly #chunks: AsyncGenerator<Chunk, void, undefined>;

  /** @internal `leave` gives up what `chunks` come from; it may be called more than once. */
  constructor(
    chunks: AsyncGenerator<Chunk, void, undefined>,
    controller: AbortController,
    leave: () => Promise<void>,
  ) {
    this.#chunks = chunks;
    this.controller = controller;
    controller.signal.addEventListener('abort', () => void leave());
    bindMembers(this);
  }

  /** The chunks that are still to come. */
  [Symbol.asyncIterator](): AsyncGenerator<Chunk, void, undefined> {
    return this.#chunks;
  }
}
