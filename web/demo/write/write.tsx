// The tab to write in.
import { save } from '../documents/documents.js';
import { model } from '../models/loaded.js';
import { Candidates } from './candidates.js';
import { speed } from './continuing.js';
import { Editor } from './editor.js';
import { ghost, redo, replace, text, undo, words } from './manuscript.js';
import { Toolbar } from './toolbar.js';

export function Write() {
  return (
    <div class="write">
      <div class="sheet">
        <Editor />
      </div>
      <div class="under-sheet">
        <span class="words">
          {words.value} {words.value === 1 ? 'word' : 'words'}
        </span>
        <output id="speed" aria-live="off">
          {speed.value}
        </output>
        <span id="keys" class="keys">
          {ghost.value ? (
            <>
              <kbd>Tab</kbd> keeps, <kbd>Esc</kbd> takes away
            </>
          ) : (
            <>
              <kbd>Ctrl</kbd> <kbd>Enter</kbd> continues
            </>
          )}
        </span>
        <span class="quiet-actions">
          <button type="button" class="quiet" onClick={undo}>
            Undo
          </button>
          <button type="button" class="quiet" onClick={redo}>
            Redo
          </button>
          <button type="button" class="quiet" disabled={text.value === ''} onClick={() => replace('')}>
            New
          </button>
          <button type="button" class="quiet" disabled={!model.value} onClick={() => void save()}>
            Save
          </button>
        </span>
      </div>
      <Candidates />
      <Toolbar />
    </div>
  );
}
