// Documents in the browser: the text, and the session that stands at its caret, so that writing goes on without reading again.
import { signal } from '@preact/signals';
import { get, values } from 'idb-keyval';
import { decodeText } from '../../shared/text-file.js';
import { fail, model, modelName, tell } from '../models/loaded.js';
import { apply } from '../settings/settings.js';
import { voice } from '../voices/voices.js';
import { stop } from '../write/continuing.js';
import { newId } from '../write/draft.js';
import { accept, caret, documentId, replace, revisionOf, setRevision, text } from '../write/manuscript.js';
import { remember, standAt } from '../write/places.js';
import { bytesOf, documentOf, type SavedDocument } from './document-file.js';
import { keepVersion, type Unsaved, unsavedTexts } from './keeping-versions.js';
import { put, take } from './putting.js';
import { documentShelf } from './shelves.js';
import { named } from './titles.js';
import type { Version } from './versions.js';

/** Newest first. */
export const documents = signal<readonly SavedDocument[]>([]);
export const unsaved = signal<readonly Unsaved[]>([]);

export async function refresh(): Promise<void> {
  try {
    const found = await values<SavedDocument>(documentShelf);
    documents.value = found.sort((a, b) => b.savedAt - a.savedAt);
    unsaved.value = await unsavedTexts();
  } catch {
    documents.value = []; // a browser that keeps nothing
  }
}

/** Saves the text. What another tab saved of it meanwhile is replaced only if the reader says so. */
export async function save(): Promise<void> {
  const writer = model.value;
  if (!writer) return;
  try {
    await stop();
    accept();
    const [id, whole, before] = [documentId.value, text.value, text.value.slice(0, caret.value)];
    const { session, tokens } = await standAt(writer, before);
    const bytes = await session.save();
    void session.dispose();
    const document = {
      ...{ id, text: whole, caret: before.length, tokens, session: bytes },
      ...{ model: modelName.value, savedAt: Date.now(), revision: newId() },
    };
    const saved = await put(document, revisionOf(id));
    await refresh();
    if (!saved) return tell('Not saved.');
    setRevision(saved.id, document.revision);
    if (documentId.value === id) documentId.value = saved.id;
    const isWhole = saved.session.length > 0;
    tell(`Saved ${named(whole)}${isWhole ? '.' : ' without its state: the storage of the browser is full.'}`);
  } catch (error) {
    fail(error);
  }
}

/** Opens a document. The session goes on where it stood; with another model the text is read again. */
export async function open({ id }: Pick<SavedDocument, 'id'>): Promise<void> {
  try {
    const document = await get<SavedDocument>(id, documentShelf);
    await refresh();
    if (!document) return tell('That document was deleted meanwhile.');
    await begin(document.text, id, document.caret);
    setRevision(id, document.revision ?? '');
    await resume(document);
  } catch (error) {
    fail(error);
  }
}

async function resume({
  text: whole,
  caret: at,
  session: state,
  tokens,
  model: name,
}: SavedDocument): Promise<void> {
  const writer = model.value;
  if (!writer) return;
  try {
    const session = await writer.createSession({ state });
    remember(writer, whole.slice(0, at), { session, speaker: voice.value, tokens });
    tell(`${named(whole)} goes on where it stood.`);
  } catch {
    const why = name === modelName.value ? 'has no state that fits' : `was saved with ${name}`;
    tell(`${named(whole)} ${why}: ${modelName.value} reads it again.`);
  }
}

/** Begins another text. There is a version of the one before. */
export async function begin(next: string, id = newId(), at = next.length): Promise<void> {
  await stop();
  accept();
  await keepVersion('leaving');
  replace(next, id, at);
}

/** Brings a version into the editor. What it takes the place of there is a version too. */
export async function restore(id: string, version: Version): Promise<void> {
  const isThere = documentId.value === id;
  await begin(version.text, id);
  const saved = isThere ? undefined : await get<SavedDocument>(id, documentShelf).catch(() => undefined);
  if (saved) setRevision(id, saved.revision ?? '');
  apply(version.sampling);
}

/** Deletes a document; its versions stay for as long as there is room. */
export async function remove({ id }: Pick<SavedDocument, 'id'>): Promise<void> {
  try {
    const taken = await take(id);
    if (taken) {
      await keepVersion('deleting', id, taken.text);
      tell(`Deleted ${named(taken.text)}.`, () => void undelete(taken));
    }
    await refresh();
  } catch (error) {
    fail(error);
  }
}

async function undelete(document: SavedDocument): Promise<void> {
  try {
    const back = await put(document, undefined);
    await refresh();
    tell(back ? `${named(document.text)} is back.` : 'It stays deleted.');
  } catch (error) {
    fail(error);
  }
}

/** Takes a file that `fileOf` made, or any text. Tells whether the editor has it. */
export async function importFile(file: File): Promise<boolean> {
  try {
    const bytes = await bytesOf(file);
    const found = documentOf(bytes);
    if (!found) {
      await begin(decodeText(file.name, bytes));
      tell(`Opened ${file.name} as text.`);
      return true;
    }
    const there = await get<SavedDocument>(found.id, documentShelf);
    const kept = there?.text === found.text ? there : await put(found, undefined);
    if (kept) await open(kept);
    else tell(`${file.name} was not imported.`);
    return kept !== undefined;
  } catch (error) {
    fail(error);
    return false;
  }
}
