// Documents as files: a line of JSON, then the bytes of the session. Files are anybody's: each field is looked at.
import { newId } from '../write/draft.js';

export interface SavedDocument {
  readonly id: string;
  readonly text: string;
  /** Where the session stands, in UTF-16 units of the text, and in tokens. */
  readonly caret: number;
  readonly tokens: number;
  /** What `session.save` gave, and the model it is of. */
  readonly session: Uint8Array<ArrayBuffer>;
  readonly model: string;
  /** ms since 1970. */
  readonly savedAt: number;
  /** Another with each save; documents of the version before have none. */
  readonly revision?: string;
}

/** A state of the largest models takes a tenth of it. */
const mostBytes = 256e6;
/** In characters; ours have 32, those of the version before were titles of 48. */
const longestId = 200;

export function fileOf({ session, ...rest }: SavedDocument): Blob {
  return new Blob([JSON.stringify(rest), '\n', session]);
}

/** The bytes of a file that can be imported. */
export async function bytesOf(file: File): Promise<Uint8Array<ArrayBuffer>> {
  if (file.size > mostBytes)
    throw new Error(`${file.name}: expected at most ${mostBytes} bytes, it has ${file.size}`);
  return new Uint8Array(await file.arrayBuffer());
}

/** The document of a file that `fileOf` made; `undefined`: it is another. */
export function documentOf(bytes: Uint8Array<ArrayBuffer>): SavedDocument | undefined {
  const lineEnd = bytes.indexOf(10);
  let fields: Map<string, unknown>;
  try {
    const line = new TextDecoder().decode(bytes.subarray(0, Math.max(lineEnd, 0)));
    fields = new Map(Object.entries(Object(JSON.parse(line))));
  } catch {
    return undefined;
  }
  const [text, id, model] = ['text', 'id', 'model'].map((name) => fields.get(name));
  if (typeof text !== 'string' || typeof id !== 'string' || id === '') return undefined;
  const count = (name: string, most: number) => {
    const value = fields.get(name);
    return typeof value === 'number' && value >= 0 && value <= most ? Math.floor(value) : undefined;
  };
  return {
    ...{ id: id.length <= longestId ? id : newId(), text },
    ...{ caret: count('caret', text.length) ?? text.length, tokens: count('tokens', 1e12) ?? 0 },
    ...{ session: bytes.slice(lineEnd + 1), model: typeof model === 'string' ? model : 'another model' },
    ...{ savedAt: count('savedAt', 8.64e15) ?? Date.now(), revision: newId() },
  };
}
