// A worker's half of the conversation: hears requests, has them handled, answers.
import { isMemoryError, outOfMemory, RwkvError, sentence } from './errors.js';
import type {
  Handlers,
  Op,
  Progress,
  Reply,
  ReplyMessage,
  RequestMessage,
  WorkerMessage,
} from './protocol.js';
import { isArrayBuffer } from './realms.js';
import { wellFormed } from './well-formed.js';

/** The worker's end of the line to the page. */
export interface Port<Of extends Op> {
  /** Buffers in `transfer` go with the message. */
  postMessage<K extends Of>(message: WorkerMessage<K>, transfer?: ArrayBuffer[]): void;
  listen(handle: (message: RequestMessage<Of>) => void): void;
}

/** Serves over `port` what `createHandlers` gives; what it is given hears what no call can be told, and which kernels are fast. */
export function serve<Of extends Op>(
  port: Port<Of>,
  createHandlers: (crash: (error: unknown) => void, tellKernels: (kernels: string) => void) => Handlers<Of>,
): void {
  const crash = (error: unknown) => port.postMessage({ kind: 'crash', reason: sentence(error) });
  const handlers = createHandlers(crash, (kernels) => port.postMessage({ kind: 'kernels', kernels }));

  async function answer<K extends Of>({ id, op, body }: RequestMessage<K>): Promise<void> {
    const report = (progress: Progress) => port.postMessage({ kind: 'progress', id, op, progress });
    try {
      repairTexts(body);
      const value: Reply<K> = await handlers[op](body, report);
      const reply: ReplyMessage<K> = { kind: 'reply', id, op, value };
      port.postMessage<K>(reply, buffersOf(value));
    } catch (error) {
      const told = isMemoryError(error) ? outOfMemory(error) : error;
      if (!(told instanceof RwkvError)) return crash(told);
      port.postMessage({ kind: 'error', id, op, code: told.code, message: told.message });
    }
  }
  port.listen((message) => void answer(message));
}

// Every text that the core or a library gets came with a message. Messages are copies, ours to change.
function repairTexts(message: object): void {
  for (const [key, value] of Object.entries(message)) {
    if (typeof value === 'string') Reflect.set(message, key, wellFormed(value));
    else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) repairTexts(value);
  }
}

// Arrays that leave are copies of the heap's, so they may be given away.
function buffersOf(value: unknown): ArrayBuffer[] {
  return ArrayBuffer.isView(value) && isArrayBuffer(value.buffer) ? [value.buffer] : [];
}
