// The same beginning, continued as before the lesson and as after it, side by side; and what was learned gets a name.
import { after, before, beginning, compare, isComparing } from './comparing.js';
import { KeepVoice } from './keep-voice.js';

export function Comparison({ state }: { state: Uint8Array<ArrayBuffer> }) {
  return (
    <section aria-labelledby="comparison-heading">
      <h2 id="comparison-heading">Before and after</h2>
      <div class="row-actions">
        <input
          type="text"
          aria-label="How both begin"
          value={beginning.value}
          onInput={({ currentTarget }) => {
            beginning.value = currentTarget.value;
          }}
        />
        <button type="button" disabled={isComparing.value} onClick={() => void compare(state)}>
          Write again
        </button>
      </div>
      <div class="comparison">
        <Way name="Before" text={before.value} />
        <Way name="After" text={after.value} />
      </div>
      <KeepVoice state={state} />
    </section>
  );
}

function Way({ name, text }: { name: string; text: string }) {
  return (
    <figure>
      <figcaption>{name}</figcaption>
      <p class="passage">
        <span class="opening">{beginning.value}</span>
        {text}
      </p>
    </figure>
  );
}
