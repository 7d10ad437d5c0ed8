// Another version of the page waits: it comes when the reader wants it.
import { signal } from '@preact/signals';

const update = signal<(() => void) | undefined>(undefined);

addEventListener('update-ready', (event) => {
  if (event instanceof CustomEvent) update.value = () => event.detail.reload();
});

export function Update() {
  if (!update.value) return null;
  return (
    <button type="button" class="quiet" onClick={update.value}>
      Another version of this page is here: open it
    </button>
  );
}
