import { RWKV, type TuneTexts } from 'rwkv-wasm';
import { learning, type NewModelOptions, newModel, trainVocabulary } from 'rwkv-wasm/learning';
import { expectTypeOf, test } from 'vitest';

declare const texts: TuneTexts;

test('what a model from scratch begins with loads and is taught', async () => {
  expectTypeOf(trainVocabulary(texts, { size: 300 })).toEqualTypeOf<Promise<string>>();
  const bytes = await newModel({ layers: 2, channels: 64, vocabulary: 300, version: '6', format: 'pth' });
  expectTypeOf(bytes).toEqualTypeOf<Uint8Array<ArrayBuffer>>();
  RWKV.load(bytes, { learning, quantization: 'f32' });
});

test('a model from scratch says its size, of a version that can be made', () => {
  // @ts-expect-error
  newModel({ layers: 2, channels: 64 });
  // @ts-expect-error
  trainVocabulary(texts, {});
  expectTypeOf<NewModelOptions['version']>().toEqualTypeOf<'4' | '5.2' | '6' | '7' | undefined>();
});
