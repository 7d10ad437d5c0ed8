// A model in several files, as one file that the core reads.
import { RwkvError } from '../../shared/errors.js';
import type { ByteSource } from '../../store/shelf.js';
import { joinGguf } from './gguf.js';
import { joinSafetensors } from './safetensors.js';

/**
 * One file of all parts, which it closes with itself.
 *
 * @throws RwkvError `bad-file` naming the part, `unsupported`, `read-failed`
 */
export function joinParts(name: string, parts: readonly ByteSource[]): ByteSource {
  const [first, ...others] = parts;
  if (!first) throw new RwkvError('bad-file', `${name}: a model of no files`);
  const joins = [joinGguf, joinSafetensors].find((join) => join.reads(first));
  if (!joins)
    throw new RwkvError(
      'unsupported',
      `${first.name}: expected safetensors or GGUF, the formats whose parts can be put together`,
    );
  for (const part of others)
    if (!joins.reads(part))
      throw new RwkvError('bad-file', `${part.name}: not a file of the same format as ${first.name}`);
  return joins.join(name, parts);
}
