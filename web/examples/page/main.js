// Writes on where the text of the page ends.
import { RWKV } from 'rwkv-wasm';

const text = document.querySelector('textarea');
const button = document.querySelector('button');

const model = await RWKV.load();
const session = await model.createSession();
button.disabled = false;

button.addEventListener('click', async () => {
  button.disabled = true;
  await session.reset(); // the text may have been edited; what was read before is not read again
  for await (const piece of session.complete(text.value, { maxTokens: 60 })) text.value += piece;
  button.disabled = false;
});
