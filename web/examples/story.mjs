// A story in the terminal, in Node, Deno and Bun: node story.mjs, deno run -A story.mjs, bun story.mjs
import process from 'node:process';
import { RWKV } from 'rwkv-wasm';

const model = await RWKV.load(); // or a path, a URL, a name of knownModels
const session = await model.createSession({ seed: 7 });
for await (const text of session.complete('Once upon a time', { echo: true, maxTokens: 60 })) {
  process.stdout.write(text);
}
process.stdout.write('\n');
await model.dispose();
