// Who may ask: any page can have the browser of its visitor send requests to this machine.
import { unexpected } from '../shared/errors.js';

/** The origins whose pages may ask, in small letters; `'*'`: all. */
export type Origins = '*' | readonly string[];

/** What the flags `--cors` say, each an origin, several behind commas, or all. @throws RwkvError */
export function originsOf(flags: readonly (string | true)[]): Origins {
  if (flags.includes(true)) return '*';
  const named = flags
    .flatMap((flag) => String(flag).split(','))
    .map((origin) => origin.trim().replace(/\/+$/, ''));
  if (named.includes('*')) return '*';
  for (const origin of named)
    if (origin !== 'null' && !/^[a-z][\w+.-]*:\/\/[^\s/?#@*]+$/i.test(origin))
      throw unexpected('--cors', 'origins such as https://app.example or http://localhost:3000', origin);
  return named.map((origin) => origin.toLowerCase());
}

/** Whether an address or a host's name is this machine's own and nobody else's. */
export function isLoopback(host: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/.test(host);
}

/**
 * Tells what is wrong with the headers Host and Origin of a request, if anything. Other names for a loopback address are a page's that
 * has its own name lead here (DNS rebinding).
 *
 * @param address - what the server listens at
 */
export function doorkeeper(address: string, origins: Origins) {
  const named = origins === '*' ? [] : origins.map((origin) => nameOf(origin.replace(/^.*:\/\//, '')));
  const hosts = new Set([nameOf(address), `[${address}]`, ...named]);
  const knows = (name: string) => origins === '*' || isLoopback(name) || hosts.has(name);
  const mayAsk = (origin: string) => origins === '*' || origins.includes(origin);

  return (host: string, origin: string | undefined): string | undefined => {
    if (isLoopback(address) && !knows(nameOf(host)))
      return `the host '${host.slice(0, 100)}' is not this server: expected a name of this machine, such as localhost`;
    const from = origin?.toLowerCase();
    if (from === undefined || from.replace(/^https?:\/\//, '') === host.toLowerCase() || mayAsk(from))
      return undefined;
    return `pages of '${from.slice(0, 100)}' may not ask: start the server with --cors and this origin`;
  };
}

// Without the port and the dot that may end it.
function nameOf(host: string): string {
  const [, name = ''] = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(host.toLowerCase()) ?? [];
  return name.replace(/\.$/, '');
}
