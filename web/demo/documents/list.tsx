// Saved documents: open, export, delete, import.
import { useEffect } from 'preact/hooks';
import { bytes } from '../format.js';
import { goTo } from '../tabs.js';
import { documents, fileOf, importFile, open, refresh, remove, type SavedDocument } from './documents.js';

export function Documents() {
  useEffect(() => void refresh(), []);
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
            <Row key={document.id} document={document} />
          ))}
        </ul>
      )}
      <label class="button file">
        Import a file
        <input
          type="file"
          onChange={({ currentTarget }) => {
            const [file] = currentTarget.files ?? [];
            if (file) void importFile(file).then(() => goTo('write'));
          }}
        />
      </label>
    </section>
  );
}

function Row({ document }: { document: SavedDocument }) {
  const { title, savedAt, session, model } = document;
  return (
    <li>
      <div>
        <strong>{title}</strong>
        <small>
          {new Date(savedAt).toLocaleString()} · {model} · state {bytes(session.length)}
        </small>
      </div>
      <div class="row-actions">
        <button
          type="button"
          onClick={() => void open(document).then(() => goTo('write'))}
          aria-label={`Open ${title}`}
        >
          Open
        </button>
        <button type="button" onClick={() => exportFile(document)} aria-label={`Export ${title}`}>
          Export
        </button>
        <button type="button" onClick={() => void remove(document)} aria-label={`Delete ${title}`}>
          Delete
        </button>
      </div>
    </li>
  );
}

function exportFile(document: SavedDocument): void {
  const url = URL.createObjectURL(fileOf(document));
  const link = window.document.createElement('a');
  link.href = url;
  link.download = `${document.title.replace(/[^\p{L}\p{N} -]/gu, '').trim() || 'document'}.story`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
