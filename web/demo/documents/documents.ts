// Documents in the browser: the text, and the session that stands at its caret, so that writing goes on without reading again.
import { signal } from '@preact/signals';
import { createStore, del, set, values } from 'idb-keyval';
import { decodeText } from '../../shared/text-file.js';
import { fail, model, modelName, tell } from '../models/loaded.js';
import { stop } from '../write/continuing.js';
import { accept, caret, replace, text } from '../write/manuscript.js';
import { remember, standAt } from '../write/places.js';

export interface SavedDocument {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  /** Where the session stands, in UTF-16 units of the text, and in tokens. */
  readonly caret: number;
  readonly tokens: number;
  /** What `session.save` gave, and the model it is of. */
  readonly session: Uint8Array<ArrayBuffer>;
  readonly model: string;
  /** ms since 1970. */
  readonly savedAt: number;
}

const shelf = createStore('storyteller', 'documents');

/** Newest first. */
export const documents = signal<readonly SavedDocument[]>([]);

export async function refresh(): Promise<void> {
  try {
    const found = await values<SavedDocument>(shelf);
    documents.value = found.sort((a, b) => b.savedAt - a.savedAt);
  } catch {
    documents.value = []; // a browser that keeps nothing
  }
}

/** Saves the text; one of the same title is replaced. */
export async function save(): Promise<void> {
  const writer = model.value;
  if (!writer) return;
  try {
    await stop();
    accept();
    const before = text.value.slice(0, caret.value);
    const { session, tokens } = await standAt(writer, before);
    const bytes = await session.save();
    void session.dispose();
    const title = titleOf(text.value);
    await keep({
      ...{ id: title, title, text: text.value, caret: before.length, tokens },
      ...{ session: bytes, model: modelName.value, savedAt: Date.now() },
    });
    tell(`Saved “${title}”.`);
  } catch (error) {
    fail(error);
  }
}

/** Opens a document. The session goes on where it stood; with another model the text is read again. */
export async function open(document: SavedDocument): Promise<void> {
  await stop();
  replace(document.text, document.caret);
  const writer = model.value;
  if (!writer) return;
  try {
    const session = await writer.createSession({ state: document.session });
    remember(writer, document.text.slice(0, document.caret), { session, tokens: document.tokens });
    tell(`“${document.title}” goes on where it stood.`);
  } catch {
    tell(`“${document.title}” was saved with ${document.model}: ${modelName.value} reads it again.`);
  }
}

export async function remove({ id }: SavedDocument): Promise<void> {
  await del(id, shelf);
  await refresh();
}

/** Documents as files: a line of JSON, then the bytes of the session. */
export function fileOf({ session, ...rest }: SavedDocument): Blob {
  return new Blob([JSON.stringify(rest), '\n', session]);
}

/** Takes a file that `fileOf` made, or any text. */
export async function importFile(file: File): Promise<void> {
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const lineEnd = bytes.indexOf(10);
    const found = documentOf(new TextDecoder().decode(bytes.subarray(0, Math.max(lineEnd, 0))));
    if (!found) {
      replace(decodeText(file.name, bytes));
      tell(`Opened ${file.name} as text.`);
      return;
    }
    const whole = { ...found, session: bytes.slice(lineEnd + 1) };
    await keep(whole);
    await open(whole);
  } catch (error) {
    fail(error);
  }
}

async function keep(document: SavedDocument): Promise<void> {
  await set(document.id, document, shelf);
  await refresh();
}

function documentOf(line: string): Omit<SavedDocument, 'session'> | undefined {
  let fields: Map<string, unknown>;
  try {
    fields = new Map(Object.entries(Object(JSON.parse(line))));
  } catch {
    return undefined;
  }
  const textOf = (name: string) => String(fields.get(name) ?? '');
  const numberOf = (name: string) => Number(fields.get(name) ?? 0);
  if (typeof fields.get('text') !== 'string' || textOf('id') === '') return undefined;
  return {
    ...{ id: textOf('id'), title: textOf('title'), text: textOf('text'), model: textOf('model') },
    ...{ caret: numberOf('caret'), tokens: numberOf('tokens'), savedAt: numberOf('savedAt') },
  };
}

function titleOf(story: string): string {
  const [line = ''] = story.trim().split('\n', 1);
  return line.length > 48 ? `${line.slice(0, 47).trimEnd()}…` : line || 'Untitled';
}
