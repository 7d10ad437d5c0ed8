// How a worker of Node ends that computes on a device: by itself, when nothing is under way there. Dawn, ended from outside meanwhile,
// aborts the process.
import { once } from 'node:events';
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';

/** From the worker, before it opens a device. */
interface DeviceMessage {
  readonly kind: 'device';
  /** Hears that it is to end, and tells that it is done. */
  readonly port: MessagePort;
  /** 1 then, for who cannot hear it. */
  readonly done: Int32Array<SharedArrayBuffer>;
}

export function isDeviceMessage(message: { readonly kind: string }): message is DeviceMessage {
  return message.kind === 'device';
}

/** The worker's half. What it gives is told what must be done before the end. */
export function endingLast(port: MessagePort): (end: () => Promise<void>) => void {
  const ends: (() => Promise<void>)[] = [];
  return (end) => {
    if (ends.push(end) > 1) return;
    const done = new Int32Array(new SharedArrayBuffer(4));
    const { port1, port2 } = new MessageChannel();
    port1.unref();
    port1.on('message', async () => {
      await Promise.allSettled(ends.map((one) => one()));
      Atomics.store(done, 0, 1);
      Atomics.notify(done, 0);
      port1.postMessage(null);
    });
    const message: DeviceMessage = { kind: 'device', port: port2, done };
    port.postMessage(message, [port2]);
  };
}

const patience = 10_000; // ms; a device may hang
const computing = new Set<DeviceMessage>();
let hears = false;

/** The caller's half: ends the worker that sent `message`. */
export function endingOf(worker: Worker, message: DeviceMessage): () => Promise<unknown> {
  computing.add(message);
  worker.on('exit', () => computing.delete(message));
  message.port.unref();
  if (!hears) process.on('exit', endAll);
  hears = true;
  return async () => {
    message.port.postMessage(null);
    await once(message.port, 'message', { signal: AbortSignal.timeout(patience) }).catch(() => {});
    return worker.terminate();
  };
}

// The process ends, and with it the workers, which hear no more than this.
function endAll(): void {
  for (const { port } of computing) port.postMessage(null);
  for (const { done } of computing) Atomics.wait(done, 0, 0, patience);
}
