// The vocabulary that a load asks for: its bytes, its kind, and who encodes text with it.
import { RwkvError } from '../../shared/errors.js';
import type { Place, VocabularyChoice } from '../../shared/protocol.js';
import { decodeText } from '../../shared/text-file.js';
import { world } from '../../shared/world.js';
import { openSource, type WorkerHost } from '../host.js';
import { openTokenizerJson } from './huggingface.js';
import type { Vocabulary } from './types.js';

/** What is larger is no vocabulary: the largest known have a tenth of it. Also the core's own bound. */
const mostBytes = 16 * 2 ** 20;

/**
 * Reads the vocabulary; a file's kind is told by its first bytes.
 *
 * @throws RwkvError `bad-vocabulary`, `unsupported`, `read-failed`
 */
export async function openVocabulary(choice: VocabularyChoice, host: WorkerHost): Promise<Vocabulary> {
  if (choice === null || typeof choice === 'string') return { core: choice };
  const { name, bytes: file } = await readWhole(choice, host);
  const text = decodeText(name, file, 'bad-vocabulary');
  if (/^\s*\{/.test(text)) return openTokenizerJson(name, text); // what other vocabularies begin with are digits
  const bytes = new TextEncoder().encode(text.replaceAll('\r\n', '\n'));
  const kind = (await sha256(bytes)) === world.sha256 ? 'world' : 'trie';
  return { core: { kind, name, bytes } };
}

async function readWhole(place: Place, host: WorkerHost) {
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
