// The text that is being written, kept over reloads. Each tab of the browser has its own; one that is opened anew begins with
// what was written last in any.

export interface Draft {
  readonly text: string;
  /** The document that it is, saved or not. */
  readonly id: string;
  /** The revision of the saved document that it goes on from; '' is that of documents of the version before. */
  readonly revision?: string | undefined;
}

const key = 'writing';

/** An id that nothing else has. */
export function newId(): string {
  // `randomUUID` is only where the connection is secure.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

export function readDraft(): Draft {
  return (
    read(() => draftOf(sessionStorage.getItem(key))) ??
    read(() => draftOf(localStorage.getItem(key))) ?? {
      text: read(() => localStorage.getItem('draft') ?? undefined) ?? 'Once upon a time', // of the version before
      id: newId(),
    }
  );
}

export function keepDraft(draft: Draft): void {
  const line = JSON.stringify(draft);
  for (const open of [() => sessionStorage, () => localStorage]) {
    try {
      open().setItem(key, line);
    } catch {
      // Too long for this shelf, or nothing may be kept: Save keeps documents of any length.
    }
  }
}

function draftOf(line: string | null): Draft | undefined {
  const fields = new Map<string, unknown>(Object.entries(Object(JSON.parse(line ?? 'null'))));
  const [text, id, revision] = ['text', 'id', 'revision'].map((name) => fields.get(name));
  if (typeof text !== 'string' || typeof id !== 'string') return undefined;
  return { text, id, revision: typeof revision === 'string' ? revision : undefined };
}

function read<Found>(find: () => Found | undefined): Found | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}
