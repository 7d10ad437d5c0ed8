import { prepareThread, type ThreadStart } from './worker/thread.js';

declare const self: DedicatedWorkerGlobalScope;

self.onmessage = ({ data }: MessageEvent<ThreadStart>) => {
  const serve = prepareThread(data);
  self.postMessage(null);
  serve();
};
