// Loops that begin when their first step is asked for, and what they come to.

type Steps<T> = AsyncGenerator<T, void, undefined>;

/** `result` settles when `steps` end, however they do: also where they are left before the first. */
export interface StepsWithResult<T, R> {
  readonly steps: Steps<T>;
  readonly result: Promise<R>;
}

/** How a loop tells what it came to. */
export interface Settle<R> {
  resolve(result: R | PromiseLike<R>): void;
  reject(reason: unknown): void;
}

/**
 * @param run - the loop, which settles the result before it ends
 * @param unbegun - what it comes to where nobody ever asks for a step
 */
export function stepsWithResult<T, R>(
  run: (settle: Settle<R>) => Steps<T>,
  unbegun: () => R | PromiseLike<R>,
): StepsWithResult<T, R> {
  const settle: Settle<R> = { resolve() {}, reject() {} };
  const result = new Promise<R>((resolve, reject) => Object.assign(settle, { resolve, reject }));
  result.catch(() => {}); // it is told in the loop too
  const steps = lazySteps(
    () => run(settle),
    () => settle.resolve(unbegun()),
    (error) => settle.reject(error),
  );
  return { steps, result };
}

/** What `of` gives for each step, where it is not empty. */
export function textsOf<T>(steps: Steps<T>, of: (step: T) => string): Steps<string> {
  async function* texts(): Steps<string> {
    for await (const step of steps) {
      const text = of(step);
      if (text !== '') yield text;
    }
  }
  return lazySteps(
    texts,
    () => steps.return(),
    (error) => steps.throw(error),
  );
}

// A generator that was not begun runs nothing when it is ended, not what stands in `finally` either: `left` and `failed` do.
function lazySteps<T>(
  run: () => Steps<T>,
  left: () => unknown,
  failed: (error: unknown) => unknown,
): Steps<T> {
  let isBegun = false;
  async function* begin(): Steps<T> {
    isBegun = true;
    yield* run();
  }
  const steps = begin();
  const { return: leave, throw: fail } = steps;
  return Object.assign(steps, {
    async return(): Promise<IteratorResult<T, void>> {
      if (!isBegun) await left();
      return leave.call(steps);
    },
    async throw(error: unknown): Promise<IteratorResult<T, void>> {
      if (!isBegun) await Promise.resolve(failed(error)).catch(() => {});
      return fail.call(steps, error);
    },
  });
}
