// model.safetensors.index.json: which tensor lies in which file, {"weight_map": {"emb.weight": "model-00001-of-00002.safetensors"}}.
import { RwkvError, sentence } from '../../shared/errors.js';
import type { ByteSource } from '../../store/shelf.js';

const mostBytes = 64 * 2 ** 20;
const mostParts = 10_000;

/**
 * The names of the files that an index lists, in the order of their names.
 *
 * @throws RwkvError `bad-file`, `unsupported`, `read-failed`
 */
export function readModelIndex(source: ByteSource): string[] {
  const bad = (what: string, cause?: unknown) =>
    new RwkvError('bad-file', `${source.name}: ${what}`, { cause });
  if (source.size > mostBytes) throw bad(`${source.size} bytes, far more than an index needs`);
  const bytes = new Uint8Array(source.size);
  source.read(0, bytes);
  let index: unknown;
  try {
    index = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw bad(`no index of a model: ${sentence(cause)}`, cause);
  }
  const { weight_map: map }: Readonly<Record<string, unknown>> = Object(index);
  const names = new Set<unknown>(Object.values(Object(map)));
  if (names.size === 0) throw bad('no index of a model: it has no weight_map');
  if (names.size > mostParts) throw bad(`${names.size} files, expected at most ${mostParts}`);
  return [...names].map((name) => check(name, bad)).sort();
}

// Only files beside the index: a name leads nowhere else.
function check(name: unknown, bad: (what: string) => RwkvError): string {
  if (typeof name !== 'string' || !/^[^/\\:?#\p{Cc}]{1,255}$/u.test(name) || /^\.+$/.test(name))
    throw bad(
      `weight_map names ${JSON.stringify(name)?.slice(0, 80)}, expected the name of a file beside it`,
    );
  return name;
}
