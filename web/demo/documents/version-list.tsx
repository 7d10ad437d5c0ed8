// The versions of a text, to have one of them back.
import { useSignal } from '@preact/signals';
import { bytes } from '../format.js';
import { goTo } from '../tabs.js';
import { restore } from './documents.js';
import { problem, versionsOf } from './keeping-versions.js';
import type { Occasion, Version } from './versions.js';

const occasions: Readonly<Record<Occasion, string>> = {
  typing: 'while typing',
  continuing: 'before Continue',
  leaving: 'before another text',
  saving: 'before it was replaced',
  deleting: 'before it was deleted',
};

export function Versions({ id, title }: { id: string; title: string }) {
  const found = useSignal<readonly Version[]>([]);
  const load = async () => {
    found.value = [...(await versionsOf(id).catch(() => []))].reverse();
  };
  return (
    <details class="versions" onToggle={({ currentTarget }) => void (currentTarget.open && load())}>
      <summary aria-label={`Versions of ${title}`}>Versions</summary>
      {problem.value && <p class="error">The last one could not be kept. {problem.value}</p>}
      {found.value.length === 0 && <p class="empty">There are none yet.</p>}
      <ul class="rows">
        {found.value.map((version) => (
          <Row key={version.at} id={id} version={version} />
        ))}
      </ul>
    </details>
  );
}

function Row({ id, version }: { id: string; version: Version }) {
  const time = new Date(version.at).toLocaleString();
  return (
    <li>
      <small>
        {time} · {bytes(new Blob([version.text]).size)} · {occasions[version.before]}
      </small>
      <button
        type="button"
        class="quiet"
        aria-label={`Restore the version of ${time}`}
        onClick={() => void restore(id, version).then(() => goTo('write'))}
      >
        Restore
      </button>
    </li>
  );
}
