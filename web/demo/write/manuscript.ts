// The text that people see and change. What the model adds is a ghost inside it until it is accepted: typing on, Tab and
// Continue accept it, Esc discards it.
import { computed, signal } from '@preact/signals';
import { keepDraft, readDraft } from './draft.js';
import { History, type Moment } from './history.js';

/** Where something stands in the text: from `start` up to before `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What undo brings back: the text, and which document it is. */
interface Written extends Moment {
  readonly id: string;
}

const draft = readDraft();
const history = new History<Written>();

export const text = signal(draft.text);
/** The document that the text is, saved or not. */
export const documentId = signal(draft.id);
/** By document: the revision on the shelf that its text here goes on from. */
const revisions = signal<ReadonlyMap<string, string>>(
  new Map(draft.revision === undefined ? [] : [[draft.id, draft.revision]]),
);
export const caret = signal(text.value.length);
export const ghost = signal<Span | undefined>(undefined);
/** Counts changes that were not the model's: what was generated for the text before no longer belongs to it. */
export const edits = signal(0);
export const words = computed(() => text.value.match(/[\p{L}\p{N}’'-]+/gu)?.length ?? 0);

/** The user typed: the text is `next` with the caret at `at`. */
export function typed(next: string, at: number): void {
  history.beforeTyping(moment(), performance.now());
  put(next, at);
  ghost.value = undefined;
  edits.value += 1;
}

/** The revision on the shelf that a document's text goes on from; `undefined`: it was never saved or opened here. */
export function revisionOf(id: string): string | undefined {
  return revisions.peek().get(id);
}
export function setRevision(id: string, revision: string): void {
  revisions.value = new Map(revisions.value).set(id, revision);
}

/** The text of another document takes the place of this one; undo brings this one back. */
export function replace(next: string, id: string, at = next.length): void {
  swap(next, at);
  documentId.value = id;
  edits.value += 1;
}

/** The same for another way on of the same text. */
export function swap(next: string, at = next.length): void {
  history.before(moment());
  put(next, at);
  ghost.value = undefined;
}

/** Marks the place that a continuation will take, for undo. */
export function beginGhost(): void {
  history.before(moment());
}

/** The model wrote: the text is `next` with a ghost from `start` to `end`. */
export function haunt(next: string, start: number, end: number): void {
  put(next, end);
  ghost.value = end > start ? { start, end } : undefined;
}

export function accept(): void {
  ghost.value = undefined;
}

export function dismiss(): void {
  const span = ghost.value;
  if (!span) return;
  swap(text.value.slice(0, span.start) + text.value.slice(span.end), span.start);
}

export function undo(): void {
  go(history.undo(moment()));
}
export function redo(): void {
  go(history.redo(moment()));
}

function go(to: Written | undefined): void {
  if (!to) return;
  put(to.text, to.caret);
  documentId.value = to.id;
  ghost.value = undefined;
  edits.value += 1;
}

function moment(): Written {
  return { text: text.value, caret: caret.value, id: documentId.value };
}

function put(next: string, at: number): void {
  caret.value = at;
  text.value = next;
}

let unkept: ReturnType<typeof setTimeout> | undefined;
function keep(): void {
  if (unkept === undefined) return;
  clearTimeout(unkept);
  unkept = undefined;
  const id = documentId.peek();
  keepDraft({ text: text.peek(), id, revision: revisionOf(id) });
}
const written = computed(() => [text.value, documentId.value, revisions.value]);
const first = written.peek();
written.subscribe((now) => {
  if (now === first) return; // as it was read
  clearTimeout(unkept);
  unkept = setTimeout(keep, 300);
});
addEventListener('pagehide', keep);
