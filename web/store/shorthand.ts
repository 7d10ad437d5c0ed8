// hf:owner/repository/path/to/file@revision, the way people name files of Hugging Face.
import { RwkvError } from '../shared/errors.js';

const hub = 'https://huggingface.co';
const form = 'hf:owner/repository/file or hf:owner/repository/file@revision';

/**
 * The URL that `source` is short for; `undefined`: it is not short for anything. The revision is a branch, a tag or a
 * commit; default `main`.
 *
 * @throws RwkvError `invalid-argument` where it begins like a shorthand and is none
 */
export function expandShorthand(name: string, source: string): string | undefined {
  if (!/^hf:/i.test(source)) return undefined;
  const [path = '', revision = 'main', ...rest] = source.slice(3).split('@');
  const [owner = '', repository = '', ...file] = path.split('/');
  const isName = (part: string) => /^[\w-][\w.-]*$/.test(part);
  const isPart = (part: string) => part !== '' && part !== '.' && part !== '..' && !/[?#\\]/.test(part);
  if (
    rest.length > 0 ||
    !isName(owner) ||
    !isName(repository) ||
    file.length === 0 ||
    !file.every(isPart) ||
    !revision.split('/').every(isPart)
  )
    throw new RwkvError('invalid-argument', `${name}: expected ${form}; found '${source}'`);
  const parts = [owner, repository, 'resolve', revision, ...file].map(encodeURIComponent);
  return `${hub}/${parts.join('/')}`;
}
