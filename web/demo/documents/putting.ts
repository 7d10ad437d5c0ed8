// Puts documents on the shelf. Nothing that is there is replaced by what does not go on from it, unless the reader says so.
import { get, promisifyRequest, update } from 'idb-keyval';
import { ask } from '../ask.js';
import { isFull } from '../format.js';
import { newId } from '../write/draft.js';
import type { SavedDocument } from './document-file.js';
import { keepVersion, makeRoom, problem } from './keeping-versions.js';
import { documentShelf } from './shelves.js';
import { named } from './titles.js';

/**
 * Puts a document in the place of its revision `base`, or of none. Where there is another, of another tab or an import, the
 * reader chooses; `undefined`: nothing was done. What is replaced becomes a version.
 */
export async function put(
  document: SavedDocument,
  base: string | undefined,
): Promise<SavedDocument | undefined> {
  let [next, expected] = [document, base];
  for (;;) {
    const there = await get<SavedDocument>(next.id, documentShelf);
    if (there) await keepVersion('saving', there.id, there.text);
    const other = await writeWhereRoom(next, expected);
    if (!other) return get<SavedDocument>(next.id, documentShelf);
    const choice = await askAbout(next, other);
    if (choice === undefined) return undefined;
    if (choice === 'both') [next, expected] = [{ ...next, id: newId() }, undefined];
    else if (problem.value) throw new Error(`What is there could not become a version. ${problem.value}`);
    else expected = revisionOf(other);
  }
}

/** Takes a document off the shelf, as it is at that moment. */
export function take(id: string): Promise<SavedDocument | undefined> {
  return documentShelf('readwrite', async (shelf) => {
    const found: Promise<SavedDocument | undefined> = promisifyRequest(shelf.get(id));
    shelf.delete(id);
    await promisifyRequest(shelf.transaction);
    return found;
  });
}

/** Documents of the version before have none. */
export function revisionOf({ revision = '' }: SavedDocument): string {
  return revision;
}

function askAbout(next: SavedDocument, there: SavedDocument) {
  const when = new Date(there.savedAt).toLocaleString();
  return ask(
    `${named(next.text)} is here already`,
    `What is here was saved on ${when}: ${named(there.text)}, ${there.text.length} letters. If it is replaced, it stays among the versions.`,
    [
      ['both', 'Keep both'],
      ['replace', 'Replace'],
    ],
  );
}

// Where there is no room the state goes first, which can be computed again, then older versions.
async function writeWhereRoom(
  document: SavedDocument,
  base: string | undefined,
): Promise<SavedDocument | undefined> {
  const textAlone = { ...document, session: new Uint8Array() };
  const ways = [
    () => write(document, base),
    () => write(textAlone, base),
    () => makeRoom().then(() => write(textAlone, base)),
  ];
  let full: unknown;
  for (const way of ways) {
    try {
      return await way();
    } catch (error) {
      if (!isFull(error)) throw error;
      full = error;
    }
  }
  throw full;
}

/** Writes over the revision `base`; what it gives back is another one, which stays. */
async function write(document: SavedDocument, base: string | undefined): Promise<SavedDocument | undefined> {
  let other: SavedDocument | undefined;
  await update<SavedDocument>(
    document.id,
    (there) => {
      other = there && revisionOf(there) !== base ? there : undefined;
      return other ?? document;
    },
    documentShelf,
  );
  return other;
}
