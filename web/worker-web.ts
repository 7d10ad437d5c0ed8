import { webIo } from './model-store.js';
import { serve } from './worker.js';

declare const self: DedicatedWorkerGlobalScope;

const { port1, port2 } = new MessageChannel();

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
  webIo,
);
