import type {
  Completion,
  CompletionResult,
  FinishReason,
  Model,
  ModelInfo,
  Score,
  Session,
  Step,
  TokenLogprob,
} from 'rwkv-wasm';
import { expectTypeOf, test } from 'vitest';

declare const model: Model;
declare const session: Session;

test('a completion is a loop of texts and a result', async () => {
  const completion = session.complete('Once');
  expectTypeOf(completion).toEqualTypeOf<Completion>();
  for await (const text of completion) expectTypeOf(text).toBeString();
  expectTypeOf(completion.result).resolves.toEqualTypeOf<CompletionResult>();
  expectTypeOf<FinishReason>().toEqualTypeOf<'stop' | 'length' | 'end-of-text' | 'aborted'>();
  expectTypeOf<CompletionResult['usage']['promptTokens']>().toBeNumber();
  expectTypeOf<CompletionResult['logprobs']>().toEqualTypeOf<readonly Step[] | undefined>();
});

test('streams are of texts, steps of tokens', async () => {
  expectTypeOf(session.stream('Once')).toEqualTypeOf<ReadableStream<string>>();
  for await (const step of session.generate('Once')) {
    expectTypeOf(step).toEqualTypeOf<Step>();
    expectTypeOf(step.token).toBeNumber();
    expectTypeOf(step.topLogprobs).toEqualTypeOf<readonly TokenLogprob[] | undefined>();
    // @ts-expect-error what was delivered does not change
    step.token = 1;
  }
});

test('sessions and models', () => {
  expectTypeOf(model.info).toEqualTypeOf<ModelInfo>();
  expectTypeOf(model.createSession()).resolves.toEqualTypeOf<Session>();
  expectTypeOf(model.tokenize('Once')).resolves.toEqualTypeOf<number[]>();
  expectTypeOf(model.detokenize([1])).resolves.toBeString();
  expectTypeOf(model.embed('Once')).resolves.toExtend<Float32Array>();
  expectTypeOf(session.fork()).resolves.toEqualTypeOf<Session>();
  expectTypeOf(session.save()).resolves.toExtend<Uint8Array>();
  expectTypeOf(session.score('Once')).resolves.toEqualTypeOf<Score>();
  expectTypeOf(session.logits()).resolves.toExtend<Float32Array>();
  // @ts-expect-error models come from RWKV.load, not from new
  new Model();
});

test('both are disposed of by await using', async () => {
  expectTypeOf<Model>().toExtend<AsyncDisposable>();
  expectTypeOf<Session>().toExtend<AsyncDisposable>();
  expectTypeOf(model.dispose()).toEqualTypeOf<Promise<void>>();
  await using copy = await session.fork();
  copy.reset();
});
