// Makes versions at the moments after which a text may be missed, and keeps them in the browser.
import { effect, signal } from '@preact/signals';
import { delMany, entries, get, getMany, keys, setMany, update } from 'idb-keyval';
import { isFull, sentence } from '../format.js';
import { sampling } from '../settings/settings.js';
import { documentId, edits, text } from '../write/manuscript.js';
import { documentShelf, versionShelf } from './shelves.js';
import { type Occasion, type Version, withVersion } from './versions.js';

/** Of texts that are no saved document so many have versions. */
const mostUnsaved = 20;
/** Typing has paused after so many ms. */
const pause = 4000;

/** Why versions could not be kept last time. */
export const problem = signal<string | undefined>(undefined);

/** Versions of the text of a document, oldest first. */
export async function versionsOf(id: string): Promise<readonly Version[]> {
  return (await get<readonly Version[]>(id, versionShelf)) ?? [];
}

/** Makes a version of what the editor has, or of another text. Never throws: `problem` says what went wrong. */
export async function keepVersion(before: Occasion, id = documentId.peek(), of = text.peek()): Promise<void> {
  if (of.trim() === '') return;
  const version = { text: of, at: Date.now(), before, sampling: sampling() };
  let isNew = false;
  const write = () =>
    update<readonly Version[]>(
      id,
      (known) => {
        isNew = known === undefined;
        return withVersion(known ?? [], version);
      },
      versionShelf,
    );
  try {
    await write().catch(async (error) => {
      if (!isFull(error)) throw error;
      await makeRoom();
      await write();
    });
    if (isNew) await forgetOldest();
    problem.value = undefined;
  } catch (error) {
    problem.value = sentence(error);
  }
}

/** Gives up all versions but the newest of each text. */
export async function makeRoom(): Promise<void> {
  const all = await entries<string, readonly Version[]>(versionShelf);
  await setMany(
    all.map(([id, versions]) => [id, versions.slice(-1)]),
    versionShelf,
  );
}

/** A text that is no saved document: it never was one, or it was deleted. */
export interface Unsaved {
  readonly id: string;
  readonly newest: Version;
}

/** Newest first. */
export async function unsavedTexts(): Promise<readonly Unsaved[]> {
  const saved = new Set(await keys(documentShelf));
  const ids = (await keys<string>(versionShelf)).filter((id) => !saved.has(id));
  const found = await getMany<readonly Version[] | undefined>(ids, versionShelf);
  return ids
    .flatMap((id, i) => {
      const newest = found[i]?.at(-1);
      return newest ? [{ id, newest }] : [];
    })
    .sort((a, b) => b.newest.at - a.newest.at);
}

/** Versions of these texts are gone for good. */
export async function forget(ids: readonly string[]): Promise<void> {
  await delMany([...ids], versionShelf);
}

async function forgetOldest(): Promise<void> {
  const unsaved = await unsavedTexts();
  await forget(unsaved.slice(mostUnsaved).map(({ id }) => id));
}

let waiting: ReturnType<typeof setTimeout> | undefined;

function keepTyped(): void {
  if (waiting === undefined) return;
  clearTimeout(waiting);
  waiting = undefined;
  void keepVersion('typing');
}

effect(() => {
  if (edits.value === 0) return;
  clearTimeout(waiting);
  waiting = setTimeout(keepTyped, pause);
});
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') keepTyped();
});
