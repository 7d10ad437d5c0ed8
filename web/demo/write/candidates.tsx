// Several ways on, side by side, growing at once.
import { useEffect, useRef } from 'preact/hooks';
import { candidates, growth, running, show, tree } from './continuing.js';

export function Candidates() {
  const place = useRef<HTMLElement>(null);
  const first = candidates.value[0];
  useEffect(() => {
    if (first) place.current?.scrollIntoView({ block: 'nearest' });
  }, [first]);
  const grove = tree.value;
  if (!grove || candidates.value.length === 0) return null;
  growth.value; // branches grow in place
  return (
    <section
      class={`candidates of-${candidates.value.length}`}
      ref={place}
      aria-label="Candidates"
      aria-busy={running.value}
    >
      {candidates.value.map((branch, i) => (
        <article key={branch.id}>
          <p>{branch.text.trimStart() || '…'}</p>
          <button
            type="button"
            onClick={() => void show(grove, branch)}
            aria-label={`Use candidate ${i + 1}`}
          >
            Use this
          </button>
        </article>
      ))}
    </section>
  );
}
