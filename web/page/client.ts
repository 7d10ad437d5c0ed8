// The page half of the conversation: owns the worker, numbers the calls, hears aborts, delivers answers.
import { onAbort } from '../shared/aborts.js';
import { isMemoryError, outOfMemory, RwkvError, sentence } from '../shared/errors.js';
import type { Op, Reply, ReplyMessage, Request, RequestMessage, WorkerMessage } from '../shared/protocol.js';
import type { LoadProgress, ReadProgress } from '../shared/types.js';

/** What a host must let us do with a worker. */
export interface WorkerLike {
  postMessage<K extends Op>(message: RequestMessage<K>, transfer: ArrayBuffer[]): void;
  terminate(): unknown;
  /** Node: says whether a call is under way, which keeps the process alive. Not after `terminate`, which does so to its end. */
  hold?(busy: boolean): void;
}

/** What a host must tell us of a worker. */
export interface WorkerEvents {
  message(message: WorkerMessage): void;
  /** The worker died or never started. */
  crash(reason: string): void;
}

/** What `start` gives. @throws RwkvError `unsupported`, with the advice `help` */
export function startWorker<T>(start: () => T, help: string): T {
  try {
    return start();
  } catch (cause) {
    const why = sentence(cause);
    throw new RwkvError('unsupported', `the worker could not be started: ${why}; ${help}`, { cause });
  }
}

/** What may go with a call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Buffers that go with the request and are ours no more. */
  readonly transfer?: ArrayBuffer[];
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Of what reads a text. */
  readonly onRead?: ((progress: ReadProgress) => void) | undefined;
}

interface Waiting<K extends Op> extends Pick<CallOptions, 'onProgress' | 'onRead'> {
  readonly resolve: (value: Reply<K>) => void;
  readonly reject: (reason: unknown) => void;
}

/** By operation, then by the number of the call. */
type WaitingTable = { [K in Op]?: Map<number, Waiting<K>> };

export class Client {
  readonly #worker: WorkerLike;
  readonly #waiting: WaitingTable = {};
  /** Hears which kernels turned out to be faster. */
  hearKernels: ((kernels: string) => void) | undefined;
  #lastId = 0;
  #underWay = 0;
  readonly #ending = new AbortController();

  constructor(spawn: (events: WorkerEvents) => WorkerLike) {
    this.#worker = spawn({
      message: (message) => this.#receive(message),
      crash: (reason) => this.#crash(reason),
    });
  }

  /**
   * Asks the worker for `op`. Rejects with the RwkvError that the worker answers, with the reason of `signal`
   * (at once; what the worker still answers is dropped), or with what ended the worker.
   */
  async call<K extends Op>(op: K, body: Request<K>, options: CallOptions = {}): Promise<Reply<K>> {
    const { signal, transfer = [], onProgress, onRead } = options;
    signal?.throwIfAborted();
    this.end.throwIfAborted();
    const id = ++this.#lastId;
    const waiting = this.#waitingFor(op);
    let unhear = () => {};
    this.#count(+1);
    try {
      return await new Promise<Reply<K>>((resolve, reject) => {
        waiting.set(id, { resolve, reject, onProgress, onRead });
        unhear = onAbort(signal, () => reject(signal?.reason));
        this.#worker.postMessage<K>({ id, op, body }, transfer);
      });
    } catch (error) {
      throw isMemoryError(error) ? outOfMemory(error) : error; // of a message that is too large to copy
    } finally {
      unhear();
      waiting.delete(id);
      this.#count(-1);
    }
  }

  /** Aborts when the worker is gone; its reason is what later calls reject with. */
  get end(): AbortSignal {
    return this.#ending.signal;
  }

  /** Ends the worker, and with it every call under way: they reject with `disposed`. All its memory is given back. */
  async close(): Promise<void> {
    this.#end(new RwkvError('disposed', 'the model was disposed'));
    await this.#worker.terminate();
  }

  #receive(message: WorkerMessage): void {
    if (message.kind === 'reply') this.#settle(message);
    else if (message.kind === 'crash') this.#crash(message.reason);
    else if (message.kind === 'kernels') this.hearKernels?.(message.kernels);
    else {
      const waiting = this.#waitingFor(message.op).get(message.id);
      if (message.kind === 'error') waiting?.reject(new RwkvError(message.code, message.message));
      else {
        try {
          const { progress } = message;
          if ('stage' in progress) waiting?.onProgress?.(progress);
          else waiting?.onRead?.(progress);
        } catch (error) {
          waiting?.reject(error);
        }
      }
    }
  }

  #settle<K extends Op>(reply: ReplyMessage<K>): void {
    this.#waitingFor<K>(reply.op).get(reply.id)?.resolve(reply.value);
  }

  #waitingFor<K extends Op>(op: K): Map<number, Waiting<K>> {
    const table: { [P in K]?: Map<number, Waiting<P>> } = this.#waiting;
    table[op] ??= new Map();
    return table[op];
  }

  #crash(reason: string): void {
    this.#end(new RwkvError('worker-crashed', `the worker crashed: ${reason}`));
    this.#worker.terminate();
  }

  #end(error: RwkvError): void {
    if (this.end.aborted) return;
    this.#ending.abort(error);
    for (const table of Object.values(this.#waiting)) {
      for (const waiting of table.values()) waiting.reject(error);
    }
  }

  #count(change: 1 | -1): void {
    this.#underWay += change;
    if (!this.end.aborted) this.#worker.hold?.(this.#underWay > 0);
  }
}
