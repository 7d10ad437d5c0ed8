import { webIo } from './worker/host.js';
import { startFromElsewhere } from './shared/module-worker.js';
import type { ThreadHost } from './worker/thread.js';
import { serve } from './worker/worker.js';

declare const self: DedicatedWorkerGlobalScope;

const { port1, port2 } = new MessageChannel();
const { port1: nowhere } = new MessageChannel();
nowhere.close();

const running: Worker[] = []; // held, so that no thread is collected
const threads: ThreadHost = {
  cores: navigator.hardwareConcurrency,
  start(thread) {
    const worker =
      startFromElsewhere('thread-web.js', import.meta.url) ??
      new Worker(new URL('./thread-web.js', import.meta.url), { type: 'module' });
    running.push(worker);
    return new Promise((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message || 'its script could not be loaded'));
      };
      worker.postMessage(thread);
    });
  },
};

serve(
  {
    postMessage: (message, transfer = []) => self.postMessage(message, transfer),
    listen(handle) {
      self.onmessage = ({ data }) => handle(data);
    },
    breathe: () =>
      new Promise((resolve) => {
        port1.onmessage = () => resolve();
        port2.postMessage(null);
      }),
  },
  // A buffer that is sent to a closed port is gone. (126 MB of slices at most become 99; `transfer(0)` makes 370 of them.)
  { ...webIo, threads, discard: (buffer) => nowhere.postMessage(null, [buffer]) },
);
