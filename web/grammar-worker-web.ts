import { createHandlers } from './grammar/handlers.js';
import { serve } from './shared/serve.js';

declare const self: DedicatedWorkerGlobalScope;

serve(
  {
    postMessage: (message, transfer = []) => self.postMessage(message, transfer),
    listen(handle) {
      self.onmessage = ({ data }) => handle(data);
    },
  },
  createHandlers,
);
