// What the worker does for sessions: it owns their recurrent states.

import { RwkvError } from '../shared/errors.js';
import type { Handlers, Prompt, ReadCounts } from '../shared/protocol.js';
import { openSource, type WorkerHost } from './host.js';
import { reader, seedWords, unwrap, type WasmModel, type WasmReading, type WasmSession } from './module.js';
import { leastKept, mostKept, type PrefixCache } from './prefix-cache.js';
import { Trail } from './trail.js';
import type { Turns } from './turns.js';

/** A session as it was before a call: then it had read the first `length` tokens of `text`. */
interface Past {
  readonly session: WasmSession;
  readonly text: number[] | undefined;
  readonly length: number;
  readonly call: number | null;
}

/** A model that is ready. */
export interface Loaded {
  readonly model: WasmModel;
  readonly turns: Turns<WasmSession>;
  readonly prefixes: PrefixCache<WasmSession>;
  /** Throws RwkvError `bad-vocabulary` where a part of the text has no token. */
  encode(text: string): Int32Array;
}

type SessionOp =
  | 'tokenBytes'
  | 'score'
  | 'embed'
  | 'createSession'
  | 'fork'
  | 'save'
  | 'reset'
  | 'rewind'
  | 'append'
  | 'begin'
  | 'next'
  | 'goBack'
  | 'logits'
  | 'pause'
  | 'disposeSession';

/** `there` gives the model; it throws before there is one. `breathe` lets the event loop run. */
export function sessionHandlers(
  there: () => Loaded,
  host: WorkerHost,
  breathe: () => Promise<void>,
): Pick<Handlers, SessionOp> {
  const sessions = new Map<number, WasmSession>();
  /** All that a session has read or will read, from a fresh state; absent where that is unknown, or too long to keep. */
  const texts = new Map<number, number[] | undefined>();
  /** Each session as it was before its last call. */
  const before = new Map<number, Past>();
  /** Of texts under way that may go back. */
  const trails = new Map<number, Trail>();
  let last = 0;

  function keep(session: WasmSession): number {
    sessions.set(++last, session);
    return last;
  }
  // Texts grow in place: this is done for every token.
  function lengthen(id: number, tokens: ArrayLike<number>): readonly number[] | undefined {
    const text = texts.get(id);
    if (!text) return undefined;
    if (text.length + tokens.length > mostKept) {
      texts.set(id, undefined);
      return undefined;
    }
    for (let i = 0; i < tokens.length; i++) text.push(tokens[i] ?? 0);
    return text;
  }
  function find(id: number): WasmSession {
    const session = sessions.get(id);
    if (!session) throw new RwkvError('disposed', 'the session was disposed');
    return session;
  }
  function leaveTrail(id: number): void {
    trails.get(id)?.delete();
    trails.delete(id);
  }
  function forget(id: number): void {
    leaveTrail(id);
    before.get(id)?.session.delete();
    before.delete(id);
  }
  function tokens(prompt: Prompt): Int32Array {
    return typeof prompt === 'string' ? there().encode(prompt) : prompt;
  }
  // Between two chunks others have their turn.
  async function finish(reading: WasmReading): Promise<Float32Array<ArrayBuffer>> {
    try {
      for (;;) {
        const numbers = reading.next();
        if (numbers) return numbers;
        await breathe();
      }
    } finally {
      reading.delete();
    }
  }
  // A fresh session goes on from what another has read of the same prompt.
  async function read(id: number, prompt: Int32Array, call: number | null): Promise<ReadCounts> {
    const session = find(id);
    const { turns, prefixes } = there();
    const text = texts.get(id);
    const past = { session: session.fork(), text, length: text?.length ?? 0, call };
    const isFresh = text?.length === 0;
    const kept = isFresh ? prefixes.find(prompt) : undefined;
    if (kept) session.adopt(kept.session);
    const cached = kept?.tokens.length ?? 0;
    const result = session.prompt(prompt.subarray(cached));
    if ('error' in result) {
      session.delete();
      sessions.set(id, past.session);
    }
    unwrap(result);
    forget(id);
    before.set(id, past);

    const unread = session.pending();
    const longer = lengthen(id, isFresh && prompt.length === 0 ? [0] : prompt);
    if (longer && isFresh) {
      const shared = prefixes.shared(longer);
      const left = longer.length - shared;
      if (shared > cached && left > 0)
        turns.mark(session, left, () => prefixes.add(longer.slice(0, shared), () => session.fork()));
    }
    await turns.ready(session);
    if (longer && unread >= leastKept) prefixes.add(longer, () => session.fork());
    return { tokens: unread + cached, cached };
  }
  // What was generated may be the beginning of another prompt.
  async function leave(id: number, session: WasmSession): Promise<void> {
    const { turns, prefixes } = there();
    const text = texts.get(id);
    texts.delete(id);
    if (text && prefixes.keeps(text.length) && session.pending() <= 1) {
      await turns.ready(session);
      if (prefixes.add(text, () => session)) return;
    }
    session.delete();
  }

  return {
    tokenBytes: () => there().model.tokenBytes(),
    async createSession({ seed, isSeeded, state }) {
      const source = state && (await openSource(state, host));
      try {
        const file = source && reader(source);
        const id = keep(unwrap(there().model.createSession(...seedWords(seed), isSeeded, file)));
        if (!state) texts.set(id, []);
        return id;
      } finally {
        source?.close();
      }
    },
    async score({ prompt }) {
      const { model } = there();
      const ids = tokens(prompt);
      const texts = [...ids].map((id) => model.detokenize(Int32Array.of(id)));
      return { tokens: ids, texts, logprobs: await finish(model.score(ids)) };
    },
    async embed({ prompt }) {
      const ids = tokens(prompt);
      if (ids.length === 0) throw new RwkvError('invalid-argument', 'text: expected at least one token');
      return finish(there().model.pool(ids));
    },
    fork({ session }) {
      const id = keep(find(session).fork());
      if (texts.has(session)) texts.set(id, texts.get(session)?.slice());
      return id;
    },
    save: ({ session, asHalves }) => find(session).save(asHalves),
    reset({ session: id }) {
      const session = find(id);
      there().turns.stop(session);
      session.reset();
      if (texts.has(id)) texts.set(id, []);
      forget(id);
      return null;
    },
    rewind({ session: id, call }) {
      const session = find(id);
      const past = before.get(id);
      if (!past || (call !== null && call !== past.call)) return false;
      leaveTrail(id);
      there().turns.stop(session);
      session.delete();
      sessions.set(id, past.session);
      if (past.text) past.text.length = past.length;
      if (texts.has(id)) texts.set(id, past.text);
      before.delete(id);
      return true;
    },
    async append({ session: id, prompt }) {
      find(id);
      const ids = tokens(prompt);
      return ids.length > 0 ? read(id, ids, null) : { tokens: 0, cached: 0 };
    },
    async begin({ session: id, call, prompt, border, drawing }) {
      const session = find(id);
      const isUsed = border !== '' && (session.pending() > 0 || session.logits() !== null);
      const ids = tokens(isUsed && typeof prompt === 'string' ? border + prompt : prompt);
      const { sampling, biasedTokens, biases, topLogprobs, seed } = drawing;
      const counts = read(id, ids, call);
      session.configure(sampling, biasedTokens, biases, topLogprobs);
      if (seed !== undefined) session.reseed(...seedWords(seed));
      return counts;
    },
    async next({ session: id, allowed, isDelivered }) {
      const session = find(id);
      const { model, turns } = there();
      await turns.ready(session);
      if (isDelivered !== null && !trails.has(id)) trails.set(id, new Trail(model, session));
      const trail = trails.get(id);
      if (isDelivered) trail?.pass(session);
      const step = session.sample(allowed);
      trail?.add(step);
      if (step.token !== 0) lengthen(id, [step.token]);
      turns.start(session);
      return step;
    },
    goBack({ session: id, text }) {
      const session = find(id);
      const { turns, encode } = there();
      const past = trails.get(id)?.back(session, text, encode) ?? null;
      if (past === null) leaveTrail(id);
      else {
        turns.stop(session);
        session.delete();
        sessions.set(id, past);
        if (texts.has(id)) texts.set(id, undefined);
        trails.delete(id);
        turns.start(past);
      }
      return null;
    },
    async logits({ session: id }) {
      const session = find(id);
      await there().turns.ready(session);
      const logits = session.logits();
      if (logits) return logits;
      throw new RwkvError(
        'invalid-argument',
        'logits: the session has not read anything yet; append a prompt first',
      );
    },
    pause({ session }) {
      there().turns.stop(find(session));
      return null;
    },
    disposeSession({ session: id }) {
      const session = find(id);
      there().turns.stop(session, new RwkvError('disposed', 'the session was disposed'));
      forget(id);
      sessions.delete(id);
      void leave(id, session);
      return null;
    },
  };
}
