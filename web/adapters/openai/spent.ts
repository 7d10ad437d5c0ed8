// What requests take.
import type { Happening } from './run.js';

/** What a request took that was answered to its end. */
export interface Spent {
  /** Tokens of the prompts. */
  readonly promptTokens: number;
  /** Tokens of all choices. */
  readonly completionTokens: number;
  /** From the first piece of a text to the end. */
  readonly seconds: number;
}

/** The same happenings; `hear` is told in the end. */
export async function* metered(
  happenings: AsyncIterable<Happening>,
  hear: (spent: Spent) => void,
): AsyncGenerator<Happening, void, undefined> {
  let begun = 0;
  for await (const happening of happenings) {
    begun ||= performance.now();
    if (happening.kind === 'usage') {
      const { prompt_tokens: promptTokens, completion_tokens: completionTokens } = happening.usage;
      hear({ promptTokens, completionTokens, seconds: (performance.now() - begun) / 1000 });
    }
    yield happening;
  }
}
