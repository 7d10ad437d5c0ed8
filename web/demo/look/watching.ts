// Whether someone looks at the state, and what it was last.
import { signal } from '@preact/signals';

export const isWatched = signal(false);
/** The bytes of the session that writes, as `session.save` gives them. */
export const picture = signal<Uint8Array | undefined>(undefined);
