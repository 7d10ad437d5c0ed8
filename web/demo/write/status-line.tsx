// How the writing is getting on, and what one can do with the whole text.
import { begin, save } from '../documents/documents.js';
import { model } from '../models/loaded.js';
import { speed } from './continuing.js';
import { Deciding } from './deciding.js';
import { redo, text, undo, words } from './manuscript.js';

export function StatusLine() {
  return (
    <div class="status-line">
      <span class="words">
        {words.value} {words.value === 1 ? 'word' : 'words'}
      </span>
      <output id="speed" aria-live="off">
        {speed.value}
      </output>
      <Deciding />
      <span class="quiet-actions">
        <button type="button" class="quiet" onClick={undo}>
          Undo
        </button>
        <button type="button" class="quiet" onClick={redo}>
          Redo
        </button>
        <button type="button" class="quiet" disabled={text.value === ''} onClick={() => void begin('')}>
          New
        </button>
        <button type="button" class="quiet" disabled={!model.value} onClick={() => void save()}>
          Save
        </button>
      </span>
    </div>
  );
}
