// Files that the store keeps, and how much of its space they take.
import type { StoredFile } from 'rwkv-wasm';
import { bytes } from '../format.js';
import { inspect } from './opening.js';
import { deleteStored, storedFiles, usage } from './stored.js';

export function StoredFiles() {
  const { value: used } = usage;
  return (
    <section aria-labelledby="stored-heading">
      <h2 id="stored-heading">On this device</h2>
      {used && (
        <p class="lead">
          {bytes(used.bytes)} used
          {used.quota !== undefined && ` of ${bytes(used.quota)} that the browser allows`}
        </p>
      )}
      {used?.quota !== undefined && (
        <meter aria-label="Storage used" min={0} max={used.quota} value={used.bytes} />
      )}
      {storedFiles.value.length === 0 ? (
        <p class="empty">
          Models from the network stay here once they came, and load without a network then.
        </p>
      ) : (
        <ul class="rows">
          {storedFiles.value.map((file) => (
            <Row key={`${file.url} ${file.bytes}`} file={file} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Row({ file }: { file: StoredFile }) {
  const { name, url, complete } = file;
  return (
    <li>
      <div>
        <strong>{name}</strong>
        <small>
          {bytes(file.bytes)}
          {!complete && ' so far: paused'}
        </small>
      </div>
      <div class="row-actions">
        <button
          type="button"
          onClick={() => void inspect(name, url)}
          aria-label={`${complete ? 'Open' : 'Resume'} ${name}`}
        >
          {complete ? 'Open' : 'Resume'}
        </button>
        <button type="button" onClick={() => void deleteStored(file)} aria-label={`Delete ${name}`}>
          Delete
        </button>
      </div>
    </li>
  );
}
