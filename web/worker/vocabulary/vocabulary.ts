// The vocabulary that a load asks for: its bytes, its kind, and who encodes text with it.
import { RwkvError, sentence } from '../../shared/errors.js';
import type { Place, VocabularyChoice } from '../../shared/protocol.js';
import { decodeText } from '../../shared/text-file.js';
import { world } from '../../shared/world.js';
import { type FileHost, openSource } from '../host.js';
import { parse } from './json.js';
import type { Vocabulary } from './types.js';
import { isWorldJson, worldLines } from './world-json.js';

/** What is larger is no vocabulary: the largest known have a tenth of it. Also the core's own bound. */
const mostBytes = 16 * 2 ** 20;

/**
 * Reads the vocabulary; a file's kind is told by its first bytes.
 *
 * @throws RwkvError `bad-vocabulary`, `unsupported`, `read-failed`
 */
export async function openVocabulary(choice: VocabularyChoice, host: FileHost): Promise<Vocabulary> {
  if (choice === null || typeof choice === 'string') return { core: choice };
  const { name, bytes: file } = await readWhole(choice, host);
  const text = decodeText(name, file, 'bad-vocabulary');
  return /^\s*\{/.test(text) ? openJson(name, text) : trie(name, text); // what tries begin with are digits
}

/** A vocabulary as JSON. @throws RwkvError as `openVocabulary` */
export async function openJson(name: string, text: string): Promise<Vocabulary> {
  try {
    const json = parse(text);
    if (isWorldJson(json)) return await trie(name, worldLines(json));
    const { openTokenizerJson } = await import('./huggingface.js'); // few have such a file
    return await openTokenizerJson(name, json);
  } catch (error) {
    const code = error instanceof RwkvError ? error.code : 'bad-vocabulary';
    throw new RwkvError(code, `${name}: ${sentence(error)}`);
  }
}

async function trie(name: string, lines: string): Promise<Vocabulary> {
  const bytes = new TextEncoder().encode(lines);
  const kind = (await sha256(bytes)) === world.sha256 ? 'world' : 'trie';
  return { core: { kind, name, bytes } };
}

async function readWhole(place: Place, host: FileHost) {
  const source = await openSource(place, host);
  try {
    if (source.size > mostBytes) {
      throw new RwkvError(
        'bad-vocabulary',
        `${source.name}: ${source.size} bytes is too much for a vocabulary`,
      );
    }
    const bytes = new Uint8Array(source.size);
    source.read(0, bytes);
    return { name: source.name, bytes };
  } finally {
    source.close();
  }
}

// In hexadecimal; `undefined` where the engine has none to offer, as in pages that came over plain http.
async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (!subtle) return undefined;
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
