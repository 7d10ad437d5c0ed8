// The voices of the model: which one speaks, and files of them.
import { useEffect } from 'preact/hooks';
import { bytesOf } from '../documents/document-file.js';
import { download } from '../download.js';
import { bytes } from '../format.js';
import { Label } from '../label.js';
import { fail } from '../models/loaded.js';
import { choose, fitting, forgetVoice, keep, refreshVoices, type Voice, voice } from './voices.js';

export function VoiceList() {
  useEffect(() => void refreshVoices(), []); // another tab may have kept one
  return (
    <section aria-labelledby="voices-heading">
      <h2 id="voices-heading">Voices</h2>
      {fitting.value.length === 0 ? (
        <p class="empty">None yet. What the model has learned can be kept as a voice.</p>
      ) : (
        <ul class="rows">
          {fitting.value.map((one) => (
            <Row key={one.id} one={one} />
          ))}
        </ul>
      )}
      <label class="button file">
        Import a voice
        <input
          type="file"
          accept=".safetensors,.pth"
          onChange={({ currentTarget }) => {
            const [file] = currentTarget.files ?? [];
            if (file) void importVoice(file);
            currentTarget.value = '';
          }}
        />
      </label>
    </section>
  );
}

function Row({ one }: { one: Voice }) {
  const { id, name, madeAt } = one;
  const isOn = voice.value?.id === id;
  return (
    <li>
      <div>
        <strong>
          <Label text={name} most={48} at="back" />
        </strong>
        <small>
          {new Date(madeAt).toLocaleString()} · {bytes(one.bytes.length)}
        </small>
      </div>
      <div class="row-actions">
        <button
          type="button"
          aria-pressed={isOn}
          aria-label={`Use ${name}`}
          onClick={() => choose(isOn ? '' : id)}
        >
          {isOn ? 'In use' : 'Use'}
        </button>
        <button
          type="button"
          aria-label={`Export ${name}`}
          onClick={() => download(new Blob([one.bytes]), name, 'voice', '.safetensors')}
        >
          Export
        </button>
        <button type="button" aria-label={`Delete ${name}`} onClick={() => void forgetVoice(one)}>
          Delete
        </button>
      </div>
    </li>
  );
}

async function importVoice(file: File): Promise<void> {
  try {
    await keep(file.name.replace(/\.(safetensors|pth)$/i, ''), await bytesOf(file));
  } catch (error) {
    fail(error);
  }
}
