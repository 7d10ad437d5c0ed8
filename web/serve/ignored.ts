/** The header that names the parameters of a request that were left out because nobody here knows them. */
export const ignoredHeader = 'x-rwkv-wasm-ignored';

const mostNames = 20;
const longestName = 60;

/** What the header says; names may be anything, so it shows so many, and of each so much, with `?` for other signs. */
export function ignoredNames(names: readonly string[]): string {
  const shown = names
    .slice(0, mostNames)
    .map((name) => name.slice(0, longestName).replace(/[^\w.[\]-]/g, '?'));
  return [...shown, ...(names.length > mostNames ? ['...'] : [])].join(', ');
}
