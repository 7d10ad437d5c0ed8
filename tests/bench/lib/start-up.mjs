// The script of a page that writes one token of a story. Times in ms from the start of the navigation.
import { RWKV } from '/dist/rwkv.min.js';

const imported = performance.now();
const model = await RWKV.load();
const loaded = performance.now();
const session = await model.createSession({ seed: 7 });
for await (const _ of session.generate('Once upon a time', { maxTokens: 1 }));
console.log(JSON.stringify({ imported, loaded, firstToken: performance.now() }));
