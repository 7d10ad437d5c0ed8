// Several ways on, side by side, growing at once.
import { candidates, growth, running, show, tree } from './continuing.js';

export function Candidates() {
  const grove = tree.value;
  if (!grove || candidates.value.length === 0) return null;
  growth.value; // branches grow in place
  return (
    <section class="candidates" aria-label="Candidates" aria-busy={running.value}>
      {candidates.value.map((branch, i) => (
        <article key={branch.id}>
          <p>{branch.text || '…'}</p>
          <button type="button" onClick={() => void show(grove, branch)} aria-label={`Use candidate ${i + 1}`}>
            Use this
          </button>
        </article>
      ))}
    </section>
  );
}
