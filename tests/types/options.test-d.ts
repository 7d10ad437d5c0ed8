import {
  type AssetOptions,
  type Build,
  type GenerateOptions,
  type LoadOptions,
  type LoadProgress,
  type Model,
  type ModelFile,
  presets,
  type Quantization,
  RWKV,
  RwkvError,
  type RwkvErrorCode,
  type Session,
} from 'rwkv-wasm';
import { expectTypeOf, test } from 'vitest';

declare const model: Model;
declare const session: Session;

test('every kind of source loads', () => {
  expectTypeOf(RWKV.load).returns.toEqualTypeOf<Promise<Model>>();
  RWKV.load();
  RWKV.load('model.pth');
  RWKV.load(new URL('https://example.com/model.pth'));
  RWKV.load(new Blob());
  RWKV.load(new File([], 'model.pth'));
  RWKV.load(new ArrayBuffer(8));
  RWKV.load(new Uint8Array(8));
  RWKV.load(new DataView(new ArrayBuffer(8)));
  declareHandle((handle) => RWKV.load(handle));
  // @ts-expect-error a number is no source
  RWKV.load(7);
  // @ts-expect-error shared memory can change under the reader
  RWKV.load(new SharedArrayBuffer(8));
  // @ts-expect-error to inspect needs a file
  RWKV.inspect();
});

function declareHandle(_use: (handle: FileSystemFileHandle) => unknown): void {}

test('options of loading', () => {
  expectTypeOf<LoadOptions['quantization']>().toEqualTypeOf<Quantization | undefined>();
  expectTypeOf<Quantization>().toEqualTypeOf<'f32' | 'f16' | 'q8' | 'q4'>();
  expectTypeOf<LoadOptions['build']>().toEqualTypeOf<'auto' | Build | undefined>();
  expectTypeOf<LoadOptions['threads']>().toEqualTypeOf<'auto' | number | undefined>();
  expectTypeOf<LoadOptions['onProgress']>().toEqualTypeOf<((progress: LoadProgress) => void) | undefined>();
  expectTypeOf<LoadOptions>().toExtend<AssetOptions>();
  expectTypeOf<AssetOptions>().toEqualTypeOf<{
    assetBase?: string | URL | undefined;
    workerUrl?: string | URL | undefined;
    wasmUrl?: string | URL | undefined;
  }>();
  RWKV.load(undefined, { quantization: undefined, signal: undefined, threads: undefined });
  RWKV.load(undefined, { tokenizer: false, assetBase: '/rwkv/', signal: AbortSignal.timeout(1000) });
  // @ts-expect-error no such quantization
  RWKV.load(undefined, { quantization: 'q5' });
  // @ts-expect-error misspelt
  RWKV.load(undefined, { quantisation: 'q8' });
  // @ts-expect-error a number of threads is no text
  RWKV.load(undefined, { threads: '2' });
  // @ts-expect-error true is no vocabulary
  RWKV.load(undefined, { tokenizer: true });
  // @ts-expect-error inspecting quantises nothing
  RWKV.inspect('model.pth', { quantization: 'q8' });
  RWKV.inspect('model.pth', { build: 'baseline', wasmUrl: '/rwkv.wasm' });
  // @ts-expect-error converting needs no vocabulary
  RWKV.convert('model.pth', { tokenizer: 'bytes' });
});

test('options of sessions and of generating', () => {
  model.createSession({ seed: 7, state: new Uint8Array() });
  // @ts-expect-error misspelt
  model.createSession({ sead: 7 });
  session.complete('Once', { ...presets.chat, maxTokens: 5, stop: '\n', logitBias: { 0: -1 }, ban: [0] });
  session.complete('Once', { stop: ['a', 'b'], logitBias: new Map([[1, 2]]), ban: new Int32Array(1) });
  session.complete([1, 2, 3]);
  session.complete(new Uint16Array(3));
  // @ts-expect-error options are not in the words of other programs
  session.complete('Once', { max_tokens: 5 });
  // @ts-expect-error misspelt
  session.generate('Once', { temprature: 1 });
  // @ts-expect-error a number is no prompt
  session.stream(5);
  // @ts-expect-error a temperature is no text
  session.complete('Once', { temperature: '1' });
  session.score([1, 2], { after: 'Once', topLogprobs: 3 });
  // @ts-expect-error scores take no sampling options
  session.score('Once', { temperature: 1 });
  // @ts-expect-error misspelt
  session.save({ halve: true });
  expectTypeOf(presets.chat).toExtend<GenerateOptions>();
  expectTypeOf<keyof typeof presets>().toEqualTypeOf<'chat' | 'creative' | 'story' | 'precise'>();
  // @ts-expect-error presets are nobody's to change
  presets.chat.temperature = 2;
});

test('what a file holds', () => {
  expectTypeOf(RWKV.inspect('model.pth')).resolves.toEqualTypeOf<ModelFile>();
  expectTypeOf<ModelFile['memory']>().toEqualTypeOf<Readonly<Record<Quantization, number>>>();
  expectTypeOf(RWKV.convert('model.pth')).toExtend<AsyncIterable<Uint8Array>>();
});

test('errors are told apart by their code', () => {
  const error: unknown = undefined;
  if (error instanceof RwkvError) {
    expectTypeOf(error.code).toEqualTypeOf<RwkvErrorCode>();
    if (error.code === 'read-failed') error.message.trim();
    // @ts-expect-error no such code
    if (error.code === 'read-failure') error.message.trim();
  }
});
