// The text that people see and change. What the model adds is a ghost inside it until it is accepted: typing on, Tab and
// Continue accept it, Esc discards it.
import { computed, effect, signal } from '@preact/signals';
import { History } from './history.js';

/** Where something stands in the text: from `start` up to before `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const draftKey = 'draft';
const history = new History();

export const text = signal(draft());
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

/** Another text takes the place of this one; undo brings it back. */
export function replace(next: string, at = next.length): void {
  swap(next, at);
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

function go(to: ReturnType<typeof moment> | undefined): void {
  if (!to) return;
  put(to.text, to.caret);
  ghost.value = undefined;
  edits.value += 1;
}

function moment() {
  return { text: text.value, caret: caret.value };
}

function put(next: string, at: number): void {
  caret.value = at;
  text.value = next;
}

function draft(): string {
  try {
    return localStorage.getItem(draftKey) ?? 'Once upon a time';
  } catch {
    return 'Once upon a time';
  }
}

let unsaved: ReturnType<typeof setTimeout> | undefined;
effect(() => {
  const now = text.value;
  clearTimeout(unsaved);
  unsaved = setTimeout(() => {
    try {
      localStorage.setItem(draftKey, now);
    } catch {
      // Too long for this shelf, or nothing may be kept: Save keeps documents of any length.
    }
  }, 300);
});
