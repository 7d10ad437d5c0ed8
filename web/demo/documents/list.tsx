// Saved documents, and texts that are not: open, export, delete, import, and their versions.
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { ask } from '../ask.js';
import { download } from '../download.js';
import { bytes } from '../format.js';
import { Label } from '../label.js';
import { goTo } from '../tabs.js';
import { fileOf, type SavedDocument } from './document-file.js';
import { documents, importFile, open, refresh, remove, restore, unsaved } from './documents.js';
import { forget, type Unsaved } from './keeping-versions.js';
import { titleOf } from './titles.js';
import { Versions } from './version-list.js';

export function Documents() {
  useEffect(() => {
    const look = () => void refresh(); // another tab may have saved
    look();
    addEventListener('focus', look);
    return () => removeEventListener('focus', look);
  }, []);
  return (
    <section aria-labelledby="documents-heading">
      <h2 id="documents-heading">Documents</h2>
      <p class="lead">
        Texts with the model’s state, kept in this browser. Reopened, they go on letter for letter.
      </p>
      {documents.value.length === 0 ? (
        <p class="empty">Nothing is saved yet. Save in the Write tab keeps a text here.</p>
      ) : (
        <ul class="rows">
          {documents.value.map((document) => (
            <Saved key={document.id} document={document} />
          ))}
        </ul>
      )}
      <label class="button file">
        Import a file
        <input
          type="file"
          onChange={({ currentTarget }) => {
            const [file] = currentTarget.files ?? [];
            if (file) void importFile(file).then((isOpen) => isOpen && goTo('write'));
            currentTarget.value = '';
          }}
        />
      </label>
      {unsaved.value.length > 0 && (
        <details class="unsaved">
          <summary>Not saved, or deleted: {unsaved.value.length}</summary>
          <ul class="rows">
            {unsaved.value.map((text) => (
              <Lost key={text.id} text={text} />
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function Saved({ document }: { document: SavedDocument }) {
  const { id, text, savedAt, session, model } = document;
  const state = session.length === 0 ? 'no state' : `state ${bytes(session.length)}`;
  return (
    <Row id={id} text={text} tells={`${new Date(savedAt).toLocaleString()} · ${model} · ${state}`}>
      <Act name="Open" text={text} onClick={() => void open(document).then(() => goTo('write'))} />
      <Act
        name="Export"
        text={text}
        onClick={() => download(fileOf(document), titleOf(text), 'document', '.story')}
      />
      <Act name="Delete" text={text} onClick={() => void remove(document)} />
    </Row>
  );
}

function Lost({ text: { id, newest } }: { text: Unsaved }) {
  const { text, at } = newest;
  const forgetIt = async () => {
    const answer = await ask('Delete it for good?', 'Its versions are deleted too.', [['delete', 'Delete']]);
    if (answer) await forget([id]).then(refresh);
  };
  return (
    <Row id={id} text={text} tells={new Date(at).toLocaleString()}>
      <Act name="Restore" text={text} onClick={() => void restore(id, newest).then(() => goTo('write'))} />
      <Act name="Delete" text={text} onClick={() => void forgetIt()} />
    </Row>
  );
}

interface RowProps {
  readonly id: string;
  readonly text: string;
  readonly tells: string;
  readonly children: ComponentChildren;
}

function Row({ id, text, tells, children }: RowProps) {
  const title = titleOf(text);
  return (
    <li>
      <div>
        <strong>
          <Label text={title} most={48} at="back" />
        </strong>
        <small>{tells}</small>
      </div>
      <div class="row-actions">{children}</div>
      <Versions id={id} title={title} />
    </li>
  );
}

function Act({ name, text, onClick }: { name: string; text: string; onClick: () => void }) {
  return (
    <button type="button" onClick={onClick} aria-label={`${name} ${titleOf(text)}`}>
      {name}
    </button>
  );
}
