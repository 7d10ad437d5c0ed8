// Keeps the site's files and serves them, with or without a network. A site that was updated waits until the page asks for
// it, so that nobody's text is interrupted.

import { addPlugins } from 'workbox-precaching/addPlugins.js';
import { cleanupOutdatedCaches } from 'workbox-precaching/cleanupOutdatedCaches.js';
import { precacheAndRoute } from 'workbox-precaching/precacheAndRoute.js';

declare const self: ServiceWorkerGlobalScope;
/** Every file of the site with its revision; the build writes it. */
declare const __PRECACHED__: { url: string; revision: string | null }[];

// What a static host does not say: these pages may share memory among threads.
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

function isolated(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(isolation)) headers.set(name, value);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

addPlugins([{ handlerWillRespond: async ({ response }) => isolated(response) }]);
precacheAndRoute(__PRECACHED__, { ignoreURLParametersMatching: [/./] });
cleanupOutdatedCaches();

// The page of the first visit is served from then on too.
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('message', ({ data }) => {
  if (data === 'take over') void self.skipWaiting();
});
