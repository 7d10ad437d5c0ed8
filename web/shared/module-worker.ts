// Workers whose script lies on another origin: browsers refuse to start one there, but let a script of the page's own origin
// import it.

import { trustedUrl } from './trusted.js';

const shims = new Map<string, string>();

// Bundlers may write the `file:` of the machine that they ran on for a script's own URL: it says nothing.
function isForeign(url: string): boolean {
  const { protocol, origin } = new URL(url);
  return /^https?:$/.test(protocol) && origin !== globalThis.origin;
}

/**
 * Starts a worker from the module script at an absolute URL. Another origin must allow its use by the header
 * `Access-Control-Allow-Origin`, and a content security policy by `blob:` and that origin in `worker-src`.
 */
export function startModuleWorker(url: string): Worker {
  return new Worker(trustedUrl(isForeign(url) ? shim(url) : url), { type: 'module' });
}

/**
 * Starts a worker from the module `file` beside `script` where that is of another origin, such as a content delivery network's;
 * `undefined` elsewhere, for bundlers want to see the URL of a worker in its place.
 */
export function startFromElsewhere(file: string, script: string): Worker | undefined {
  return isForeign(script) ? startModuleWorker(new URL(file, script).href) : undefined;
}

// Kept: when a worker has read its script is known to the browser only.
function shim(url: string): string {
  const known = shims.get(url);
  if (known !== undefined) return known;
  const script = new Blob([`import ${JSON.stringify(url)};`], { type: 'text/javascript' });
  const made = URL.createObjectURL(script);
  shims.set(url, made);
  return made;
}
