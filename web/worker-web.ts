import { webIo } from './model-store.js';
import { serve } from './worker.js';

declare const self: DedicatedWorkerGlobalScope;

const { port1, port2 } = new MessageChannel();
const { port1: nowhere } = new MessageChannel();
nowhere.close();

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
  { ...webIo, discard: (buffer) => nowhere.postMessage(null, [buffer]) },
);
