// What computes the passes of a model: the core itself, or a device in its place.
import type { Learning } from '../shared/protocol.js';
import {
  type Result,
  unwrap,
  type WasmModel,
  type WasmSession,
  type WasmSource,
  type WasmTuning,
} from './module.js';
import type { PrefixCache } from './prefix-cache.js';

/** Computes, at once or later. Throws, or rejects with, RwkvErrors as the core says them. */
export interface Computer {
  /** Throws where nothing can be computed any more. */
  check(): void;
  /** A pass: each session reads so many of the tokens that it has pending. */
  advance(sessions: WasmSession[], most: Int32Array): void | Promise<void>;
  /** As `WasmModel.score`. */
  score(session: WasmSession, tokens: Int32Array, top: number): Reading;
  /** As `WasmModel.pool`. */
  pool(tokens: Int32Array): Reading;
  /** Brings the state of a session to where `save` finds it; undefined where it is there. */
  bringHome(session: WasmSession): Promise<void> | undefined;
}

/** A text that is being read for what it tells. */
export interface Reading {
  /** Reads the next chunk; the numbers behind the last, `null` before. */
  next(): Numbers | null | Promise<Numbers | null>;
  delete(): void;
}
type Numbers = Float32Array<ArrayBuffer>;

/** A model, and what computes it. */
export interface Computed {
  readonly model: Omit<WasmModel, 'score' | 'pool'>;
  makeComputer(prefixes: PrefixCache<WasmSession>): Computer;
  /** Of builds that learn. */
  readonly startTuning?: (learning: Learning, file: WasmSource | null) => Result<WasmTuning>;
}

type Advance = (sessions: WasmSession[], most: Int32Array) => unknown;

/** The shortest pass with one token of some, in ms: the first ones find out what is fast, or compile. */
export async function timeToken(model: Pick<WasmModel, 'createSession'>, advance: Advance): Promise<number> {
  return withSession(model, async (session) => {
    let shortest = Number.POSITIVE_INFINITY;
    for (let pass = 0; pass < 5; pass++) {
      unwrap(session.prompt(Int32Array.of(0)));
      const start = performance.now();
      await advance([session], Int32Array.of(1));
      shortest = Math.min(shortest, performance.now() - start);
    }
    return shortest;
  });
}

/** The logits behind some tokens: the first is read alone, as when a text is generated, the rest together, as a prompt is. */
export async function logitsBehind(
  tokens: Int32Array,
  model: Pick<WasmModel, 'createSession'>,
  advance: Advance,
): Promise<Float32Array> {
  return withSession(model, async (session) => {
    unwrap(session.prompt(tokens));
    for (let count = 1; session.pending() > 0; count = session.pending())
      await advance([session], Int32Array.of(count));
    const logits = unwrap(session.logits());
    if (!logits) throw new Error('no logits behind what was read');
    return logits;
  });
}

async function withSession<T>(
  model: Pick<WasmModel, 'createSession'>,
  use: (session: WasmSession) => Promise<T>,
): Promise<T> {
  const session = unwrap(model.createSession(0, 0, true, null));
  try {
    return await use(session);
  } finally {
    session.delete();
  }
}
