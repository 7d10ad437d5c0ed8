// Holds the model: a port for each text, piece by piece. The folder rwkv-wasm is a copy of node_modules/rwkv-wasm/dist.
import { RWKV } from './rwkv-wasm/rwkv.min.js';

const loading = RWKV.load();

chrome.runtime.onConnect.addListener((port) => {
  const leaving = new AbortController();
  port.onDisconnect.addListener(() => leaving.abort());
  port.onMessage.addListener(async ({ prompt }) => {
    try {
      await write(prompt, port, leaving.signal);
    } catch (error) {
      if (!leaving.signal.aborted) port.postMessage({ error: error.message });
    }
  });
});

async function write(prompt, port, signal) {
  const model = await loading;
  const session = await model.createSession();
  try {
    for await (const text of session.complete(prompt, { echo: true, maxTokens: 60, signal }))
      port.postMessage({ text });
  } finally {
    await session.dispose();
  }
}
