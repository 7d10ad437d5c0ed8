// The tab to look inside: tokens and what else was likely, branches, the state, the pace.
import { running, show, tree } from '../write/continuing.js';
import { Branches } from './branches.js';
import { Pace } from './pace.js';
import { StatePicture } from './state-picture.js';
import { Tokens } from './tokens.js';

export function Look() {
  const grove = tree.value;
  return (
    <div class="look">
      <section aria-labelledby="tokens-heading">
        <h2 id="tokens-heading">What else it might have said</h2>
        {grove ? (
          <Tokens grove={grove} />
        ) : (
          <p class="empty">
            Continue a text in the Write tab, then come back: every word it chose is here, with the ones it
            did not.
          </p>
        )}
      </section>
      {grove && grove.branches.length > 1 && (
        <section aria-labelledby="branches-heading">
          <h2 id="branches-heading">Branches</h2>
          <p class="lead">Each keeps its own state: going from one to another reads nothing again.</p>
          <Branches grove={grove} isBusy={running.value} onChoose={(branch) => void show(grove, branch)} />
        </section>
      )}
      <section aria-labelledby="state-heading">
        <h2 id="state-heading">The state</h2>
        <p class="lead">
          All that the model remembers of the text, whatever its length: a column for each layer, a square for
          each head.
        </p>
        <StatePicture />
      </section>
      <section aria-labelledby="pace-heading">
        <h2 id="pace-heading">The pace</h2>
        <p class="lead">
          Milliseconds per token against the place in the text. It stays flat. Dashed, by a formula (a + b ×
          place) that was fitted to measurements elsewhere: attention of the same shape.
        </p>
        <Pace />
      </section>
    </div>
  );
}
