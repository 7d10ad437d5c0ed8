// A browser as the suite sees it: tabs, found by role and name, driven from outside.

/** What goes into a page and comes out of it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export type Role = 'button' | 'radio' | 'slider' | 'tab' | 'textbox';

export interface Tab {
  /** Returns when the page has loaded. */
  open(url: string): Promise<void>;
  reload(): Promise<void>;
  /** Into the foreground: others draw no frames. */
  activate(): Promise<void>;
  /** What `run` gives in the page, where it may use nothing from around it. */
  evaluate<Given extends Json[], Found>(
    run: (...given: Given) => Found | Promise<Found>,
    ...given: Given
  ): Promise<Found>;
  /** Clicks on what has this role and accessible name, as soon as there is exactly one. */
  click(role: Role, name: string): Promise<void>;
  /** Types at the end of a field. */
  type(role: Role, name: string, keys: string): Promise<void>;
  screenshot(): Promise<Buffer>;
  /** Warnings and errors of the console so far; `undefined` where the driver cannot hear it. */
  readonly complaints: string[] | undefined;
  close(): Promise<void>;
}

export interface Engine {
  readonly version: string;
  /** Tabs share their storage. */
  newTab(): Promise<Tab>;
  close(): Promise<void>;
}

/** The call of `run` as source text whose promise gives JSON. */
export function callText(run: (...given: never[]) => unknown, given: readonly Json[]): string {
  return `Promise.resolve((${run})(...${JSON.stringify(given)})).then((found) => JSON.stringify(found ?? null))`;
}

/** Does it again until it succeeds, for ten seconds: what is looked for may still be coming, or be drawn again meanwhile. */
export async function patiently<Found>(attempt: () => Promise<Found>): Promise<Found> {
  for (const end = Date.now() + 10_000; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The one of them. */
export function only<Found>(found: readonly Found[], role: Role, name: string): Found {
  const [first] = found;
  if (first === undefined || found.length > 1)
    throw new Error(`${role} "${name}": expected one in the page, found ${found.length}`);
  return first;
}
