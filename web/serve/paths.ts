/** The paths and the method of each. */
export const routes = {
  '/health': 'GET',
  '/v1/models': 'GET',
  '/v1/models/:name{.+}': 'GET',
  '/v1/chat/completions': 'POST',
  '/v1/completions': 'POST',
  '/v1/responses': 'POST',
  '/v1/embeddings': 'POST',
} as const;

/**
 * The path as routes have it: doubled slashes and one at the end are forgiven, and so is a `/v1` that is not there or there
 * twice, as base URLs of clients make them.
 */
export function canonicalPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '');
  while (parts[0] === 'v1') parts.shift();
  if (parts.length === 0 || (parts.length === 1 && parts[0] === 'health')) return `/${parts.join('/')}`;
  return `/v1/${parts.join('/')}`;
}
