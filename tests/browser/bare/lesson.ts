// A model from scratch that is taught, by each method: the SHA-256 of all files that come of it.

type Door = typeof import('../../../dist/index.js') & typeof import('../../../dist/learning.js');

const text = 'The geese have come home, and the pond is full of their talk. '.repeat(6);

export async function lesson(door: Pick<Door, 'RWKV' | 'learning' | 'newModel' | 'trainVocabulary'>) {
  const { RWKV, learning, newModel, trainVocabulary } = door;
  const tokenizer = new TextEncoder().encode(await trainVocabulary(text, { size: 280 }));
  const model = await newModel({ layers: 2, channels: 32, vocabulary: 280 });
  const files: Record<string, Uint8Array<ArrayBuffer>> = { tokenizer, model };
  for (const method of ['state', 'lora', 'full'] as const) {
    const loaded = await RWKV.load(model, { tokenizer, quantization: 'f32', learning, build: 'baseline' });
    const { bytes } = await loaded.tune(text, { method, steps: 3, contextLength: 32 }).result;
    files[method] = bytes;
    await loaded.dispose();
  }
  const sums: Record<string, string> = {};
  for (const [name, bytes] of Object.entries(files)) {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    sums[name] = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  }
  return sums;
}
