// What is used of the package @huggingface/tokenizers, whose own declarations do not compile in Node's module resolution.

export class Tokenizer {
  /** Throws whatever comes of a `tokenizer` that is not as the format says. */
  constructor(tokenizer: object, config: object);
  /** What is no number is of a token that has no id. */
  encode(text: string, options: { add_special_tokens: boolean }): { ids: unknown[] };
}
