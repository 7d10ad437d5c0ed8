// What the package asks of the grammar engine, which is a thing of its own that an app imports or not.
import type { Allowed, Forced, Lead, Structure } from '../shared/protocol.js';
import type { Client } from './client.js';

/** Rules texts by grammars and JSON schemas: `grammar` of `rwkv-wasm/grammar`, for the option of that name of `RWKV.load`. */
export interface GrammarEngine {
  /** @internal Throws the reason of the signal that aborts, and RwkvErrors. */
  start(text: RuledText): Promise<Matcher>;
}

/** A text that is to obey something. */
export interface RuledText {
  /** The model that writes it, which has a tokenizer and V logits. */
  readonly model: Client;
  readonly size: number;
  /** Whether its tokenizer takes the longest token that fits. */
  readonly areLongest: boolean;
  /** The script of the engine's worker, where the caller has named one. */
  readonly workerUrl: URL | undefined;
  readonly structure: Structure;
  readonly lead: Lead;
  /** Tokens that are never to come. */
  readonly banned: readonly number[];
  /** Whatever ends it. */
  readonly ends: readonly (AbortSignal | undefined)[];
}

/** What rules the texts of a model. */
export interface Ruling {
  readonly engine: GrammarEngine;
  readonly workerUrl: RuledText['workerUrl'];
}

/** Follows a text through its grammar. */
export interface Matcher {
  /** What may come next. */
  readonly next: Allowed | Forced;
  allows(token: number): boolean;
  /** Whether the text is whole and nothing can follow. */
  readonly isComplete: boolean;
  /** Takes an allowed token, not 0. Where something has ended the text it does nothing, and the next call on it says why. */
  accept(token: number): Promise<void>;
  dispose(): void;
}
