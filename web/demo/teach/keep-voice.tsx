// What was learned gets a name.
import { useSignal } from '@preact/signals';
import { keep } from '../voices/voices.js';

export function KeepVoice({ state }: { state: Uint8Array<ArrayBuffer> }) {
  const name = useSignal('');
  return (
    <form
      class="row-actions"
      onSubmit={(event) => {
        event.preventDefault();
        void keep(name.value.trim(), state).then((isKept) => {
          if (isKept) name.value = '';
        });
      }}
    >
      <input
        type="text"
        aria-label="Name of the voice"
        placeholder="A name for this voice"
        maxLength={60}
        value={name.value}
        onInput={({ currentTarget }) => {
          name.value = currentTarget.value;
        }}
      />
      <button type="submit" class="primary" disabled={name.value.trim() === ''}>
        Keep as a voice
      </button>
    </form>
  );
}
