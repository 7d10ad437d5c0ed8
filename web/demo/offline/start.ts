// The page's side of the service worker: starts it, tells when there is another version of the site, and opens the page
// again once where that gives it threads.

import { trustedUrl } from '../../shared/trusted.js';

/** `update-ready` on the window: another version of the site waits. */
export interface Update {
  /** Opens the page again in that version. Until then nothing changes. */
  reload(): void;
}

declare global {
  interface WindowEventMap {
    'update-ready': CustomEvent<Update>;
  }
}

const tried = 'opened again for threads';

/**
 * Nothing happens where there are no service workers (old engines, `http:` on other machines than this).
 *
 * @param after - the first visit keeps the site when this is done, so that it takes nothing from what the page loads
 */
export async function startOffline(after: Promise<unknown>): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  const { serviceWorker } = navigator;
  const untouched = watchForTouch();
  let wasControlled = serviceWorker.controller !== null;
  let reloads = false;
  serviceWorker.addEventListener('controllerchange', () => {
    if (reloads) location.reload();
    else if (wasControlled)
      tell({ reload: () => location.reload() }); // another tab asked for the update
    else isolateOnce(untouched());
    wasControlled = true;
  });
  if (wasControlled) isolateOnce(untouched());

  await after;
  // A browser that keeps no data refuses: the page works from the network alone.
  const url = trustedUrl(new URL('service-worker.js', document.baseURI), 'storyteller');
  const registration = await serviceWorker.register(url, { updateViaCache: 'none' }).catch(() => undefined);
  if (!registration) return;
  const announce = (waiting: ServiceWorker | null) => {
    if (!waiting || !serviceWorker.controller) return;
    tell({
      reload() {
        reloads = true;
        waiting.postMessage('take over');
      },
    });
  };
  announce(registration.waiting);
  registration.addEventListener('updatefound', () => {
    const coming = registration.installing;
    coming?.addEventListener('statechange', () => {
      if (coming.state === 'installed') announce(registration.waiting);
    });
  });
}

function tell(update: Update) {
  window.dispatchEvent(new CustomEvent('update-ready', { detail: update }));
}

// A page that the service worker serves may share memory; one that came from a host without the headers may not.
function isolateOnce(untouched: boolean) {
  if (globalThis.crossOriginIsolated || !untouched) return;
  try {
    if (sessionStorage.getItem(tried)) return;
    sessionStorage.setItem(tried, 'yes');
  } catch {
    return; // without a memory of it the page could open again and again
  }
  location.reload();
}

// Whoever has begun to write or press is not interrupted: the next visit has threads.
function watchForTouch(): () => boolean {
  let untouched = true;
  const touch = () => {
    untouched = false;
  };
  for (const type of ['click', 'drop', 'input', 'keydown', 'pointerdown'])
    window.addEventListener(type, touch, { once: true, capture: true });
  return () => untouched;
}
