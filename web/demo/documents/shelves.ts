// Where documents and their versions are kept: a database each, for one of the version before has a single shelf.
import { createStore } from 'idb-keyval';

export const documentShelf = createStore('storyteller', 'documents');
export const versionShelf = createStore('storyteller-versions', 'versions');
