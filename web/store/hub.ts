// Hugging Face's hub or a mirror of it: hf:owner/repository/path/to/file@revision, the way people name its files, where they
// are asked for, and who asks. The hub's own library has names for its API; here one address is all that is needed, on mirrors too.
import { RwkvError, unexpected } from '../shared/errors.js';
import type { Address } from '../shared/protocol.js';

/** Where files named `hf:` come from, and who asks for them. */
export interface HubOptions {
  /**
   * A mirror of the hub, such as `'https://hf-mirror.com'`. Default: in Node the variable `HF_ENDPOINT`, else
   * `https://huggingface.co`. The store keeps a file under its name of the hub, wherever it came from.
   */
  endpoint?: string | URL | undefined;
  /**
   * An access token, for gated and private models. It is sent to the origin of `endpoint` alone, and written down nowhere.
   * Default: in Node the variables `HF_TOKEN`, else `HUGGING_FACE_HUB_TOKEN`.
   */
  token?: string | undefined;
}

/** The hub that is asked. */
export interface Hub {
  /** Without a `/` at its end. */
  readonly endpoint: string;
  readonly token: string | null;
  /** Somebody said which; else it is the hub itself. */
  readonly isNamed: boolean;
}

const site = 'https://huggingface.co';
const form = 'hf:owner/repository/file or hf:owner/repository/file@revision';

/**
 * The hub of a call; what it does not say the variables of Node's environment do.
 *
 * @throws RwkvError `invalid-argument`, which does not tell the token
 */
export function hubOf({ endpoint, token }: HubOptions, environment: HubOptions = {}): Hub {
  const address = endpoint ?? (environment.endpoint || undefined);
  const name = (option: string, variable: string, said: unknown) => (said === undefined ? variable : option);
  // Of a variable the blanks around it do not count, as for the hub's own programs.
  const secret = token ?? (environment.token?.trim() || null);
  if (secret !== null && !/^[!-~]+$/.test(secret)) {
    const where = name('option hub.token', 'HF_TOKEN', token);
    throw unexpected(where, 'letters, digits and signs without blanks', '...');
  }
  if (address === undefined) return { endpoint: site, token: secret, isNamed: false };
  const url = parsed(address);
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username || url.password) {
    const where = name('option hub.endpoint', 'HF_ENDPOINT', endpoint);
    throw unexpected(
      where,
      `a URL of http or https, such as '${site}'`,
      url?.password || url?.username ? '...' : String(address),
    );
  }
  return { endpoint: url.href.replace(/\/+$/, ''), token: secret, isNamed: true };
}

function parsed(address: string | URL): URL | undefined {
  try {
    return new URL(address);
  } catch {
    return undefined;
  }
}

/**
 * The URL of the hub that `source` is short for; `undefined`: it is not short for anything. The revision is a branch, a tag
 * or a commit; default `main`.
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
  return `${site}/${parts.join('/')}`;
}

/** Where the file of a URL is asked for: of a shorthand at the endpoint. The token is for the endpoint's origin alone. */
export function addressOf(url: string, isShorthand: boolean, { endpoint, token }: Hub): Address {
  const at = isShorthand ? endpoint + url.slice(site.length) : url;
  const isHub = new URL(at).origin === new URL(endpoint).origin;
  return isHub ? { url: at, hub: { token } } : { url: at };
}

/** What to do where the hub refuses a file; `''`: nobody knows. */
export function adviceFor(status: number, { token }: NonNullable<Address['hub']>): string {
  const gated = 'on its page one asks for access to a gated model';
  const howToSay = 'HF_TOKEN or the option hub.token says who asks';
  if (status === 401) {
    return token === null
      ? `; it is gated, private or not there: ${gated}, and ${howToSay}`
      : '; the token is wrong or no longer counts';
  }
  if (status === 403)
    return token === null ? `; ${gated}, and ${howToSay}` : `; the token may not read it: ${gated}`;
  if (status === 404) return '; owner, repository, file and @revision have to be those of the hub';
  return '';
}
