// Sessions that stand behind texts which were read before: a text is read on from the longest of them that it begins with,
// and what did not change is never read again.
import type { Model, Session } from 'rwkv-wasm';
import { model } from '../models/loaded.js';
import { openSession, type Voice, voice } from '../voices/voices.js';

/** A session, whose voice it is, and how many tokens it has read and written. */
export interface Place {
  readonly session: Session;
  readonly speaker: Voice | undefined;
  readonly tokens: number;
}

/** States may take so many bytes together; at least so many and at most so many are kept. */
const budget = 192e6;
const [fewest, most] = [8, 200];

let owner: Model | undefined;
let owningVoice: Voice | undefined;
/** By the exact text before; the one used longest ago comes first. */
const places = new Map<string, Place>();

/** How many states are kept, for people to see. */
export function kept(): number {
  return places.size;
}

/** Bytes of one state: per layer two rows of C and heads of N x N, and the logits of the next token. */
export function stateBytes({ info }: Model): number {
  return 4 * (info.layers * (2 * info.channels + info.channels * info.headSize) + info.vocabulary);
}

/** A session of the caller's own that stands behind `text`. Throws as `session.append`. */
export async function standAt(writer: Model, text: string, signal?: AbortSignal): Promise<Place> {
  own(writer);
  const speaker = voice.value;
  const known = longestPrefix(text);
  const found = known === undefined ? undefined : touch(known);
  const session = await (found ? found.session.fork() : openSession(writer));
  let tokens = found?.tokens ?? 0;
  let end = known?.length ?? 0;
  const pieces = paragraphs(text.slice(end));
  const firstKept = pieces.length - limit(writer) / 2;
  try {
    for (const [i, piece] of pieces.entries()) {
      const ids = await writer.tokenize(piece);
      await session.append(ids, { signal });
      tokens += ids.length;
      end += piece.length;
      if (i >= firstKept)
        remember(writer, text.slice(0, end), { session: await session.fork(), speaker, tokens });
    }
  } catch (error) {
    void session.dispose();
    throw error;
  }
  return { session, speaker, tokens };
}

/** Keeps a session of `writer` for later; it is nobody else's from then on. */
export function remember(writer: Model, text: string, place: Place): void {
  if (writer !== model.value) return;
  own(writer);
  if (place.speaker !== owningVoice) return void place.session.dispose();
  const before = places.get(text);
  places.delete(text);
  places.set(text, place);
  void before?.session.dispose();
  for (const [oldest, { session }] of places) {
    if (places.size <= limit(writer)) break;
    places.delete(oldest);
    void session.dispose();
  }
}

/** A state kept for exactly this text. */
export function placeOf(text: string): Place | undefined {
  return owner === model.value && owningVoice === voice.value ? places.get(text) : undefined;
}

// States of another model are gone with it; those of another voice are of no use.
function own(writer: Model): void {
  if (owner === writer && owningVoice === voice.value) return;
  if (owner === writer) for (const { session } of places.values()) void session.dispose();
  places.clear();
  [owner, owningVoice] = [writer, voice.value];
}

/** Pieces that end behind line breaks, but for the last. */
export function paragraphs(text: string): string[] {
  return text.match(/[^\n]*\n+|[^\n]+$/g) ?? [];
}

function limit(writer: Model): number {
  return Math.min(most, Math.max(fewest, Math.floor(budget / stateBytes(writer))));
}

function longestPrefix(text: string): string | undefined {
  let longest: string | undefined;
  for (const known of places.keys()) {
    if (known.length > (longest?.length ?? 0) && text.startsWith(known)) longest = known;
  }
  return longest;
}

function touch(text: string): Place | undefined {
  const place = places.get(text);
  if (place) {
    places.delete(text);
    places.set(text, place);
  }
  return place;
}
