// Pages that ask for Trusted Types (`require-trusted-types-for 'script'`) start workers from URLs of a policy alone. Ours is
// called `rwkv-wasm`: the page's `trusted-types` must name it. It never leaves this file.

/** As far as they are used here. A `TrustedScriptURL` goes wherever its text does. */
interface Policy {
  createScriptURL(url: string): string;
}
interface TrustedTypes {
  createPolicy(name: string, rules: Policy): Policy;
}

const policies = new Map<string, Policy>();
const untouched: Policy = { createScriptURL: (url) => url };

/** A URL of a script of our own, from a policy where the browser has them. */
export function trustedUrl(url: string | URL, name = 'rwkv-wasm'): string {
  const policy = policies.get(name) ?? createPolicy(name);
  policies.set(name, policy);
  return policy.createScriptURL(`${url}`);
}

/**
 * Runs `start`, which says `new Worker(new URL(...), ...)`: bundlers look for just that, and Trusted Types refuse it. While it
 * runs, and no longer, `Worker` asks the policy first.
 */
export function withTrustedUrl(start: () => Worker): Worker {
  if (!('trustedTypes' in globalThis)) return start();
  const { Worker: plain } = globalThis;
  const trusting = new Proxy(plain, {
    construct: (target, [url, options]: [string | URL, WorkerOptions?]) =>
      new target(trustedUrl(url), options),
  });
  Reflect.set(globalThis, 'Worker', trusting); // frozen, it stays as it is
  try {
    return start();
  } finally {
    Reflect.set(globalThis, 'Worker', plain);
  }
}

// A page that does not name the policy, or has it already from another copy of the package, refuses it: then its own rules say
// what becomes of the URL.
function createPolicy(name: string): Policy {
  const { trustedTypes }: { readonly trustedTypes?: TrustedTypes; readonly origin: string } = globalThis;
  try {
    return trustedTypes?.createPolicy(name, untouched) ?? untouched;
  } catch {
    return untouched;
  }
}
