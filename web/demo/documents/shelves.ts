// Where documents, their versions and voices are kept: a database each, for one of the version before has a single shelf.
import { createStore } from 'idb-keyval';

export const documentShelf = createStore('storyteller', 'documents');
export const versionShelf = createStore('storyteller-versions', 'versions');
export const voiceShelf = createStore('storyteller-voices', 'voices');
/** The lesson that was interrupted. */
export const lessonShelf = createStore('storyteller-lessons', 'lessons');
