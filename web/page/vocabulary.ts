// What tokens are: bytes, which are not always whole characters.
import { bindMembers } from '../shared/bind.js';
import type { Client } from './client.js';

/** The bytes and the text of each token of a model. */
export class Vocabulary {
  readonly #bytes: Uint8Array;
  readonly #ends: Int32Array;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  /** @internal Made by `model.vocabulary`: the bytes of all tokens, one after the other, and where each ends. */
  constructor(bytes: Uint8Array, ends: Int32Array) {
    this.#bytes = bytes;
    this.#ends = ends;
    bindMembers(this);
  }

  /** The bytes of a token, not to be changed; none of one that is not there. */
  bytes(token: number): Uint8Array {
    return this.#bytes.subarray(this.#ends[token - 1] ?? 0, this.#ends[token] ?? 0);
  }

  /** What a token is by itself: bytes that make no character are U+FFFD. */
  text(token: number): string {
    return this.#decoder.decode(this.bytes(token));
  }
}

const vocabularies = new WeakMap<Client, Promise<Vocabulary>>();

/** The vocabulary of a client's model, which has a tokenizer; asked for once. */
export function vocabularyOf(client: Client): Promise<Vocabulary> {
  const known = vocabularies.get(client);
  if (known) return known;
  const asked = client.call('tokenBytes', {}).then(({ bytes, ends }) => new Vocabulary(bytes, ends));
  vocabularies.set(client, asked);
  asked.catch(() => vocabularies.delete(client));
  return asked;
}
