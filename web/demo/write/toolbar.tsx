// What one can do with the text, in reach at the foot of the page.
import { useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { model } from '../models/loaded.js';
import { candidateCount, numbers, sliders } from '../settings/settings.js';
import { VoiceChoice } from '../voices/voice-choice.js';
import { goOn, last, regenerate, running, stop } from './continuing.js';

export function Toolbar() {
  const goButton = useRef<HTMLButtonElement>(null);
  const stopButton = useRef<HTMLButtonElement>(null);
  const hadFocus = useRef(false);

  // A button that cannot be pressed loses the focus: it goes to the one that can.
  useSignalEffect(() => {
    if (running.value) {
      hadFocus.current = document.activeElement === goButton.current;
      if (hadFocus.current) requestAnimationFrame(() => stopButton.current?.focus());
    } else if (hadFocus.current) {
      const isHere = [stopButton.current, document.body].some((place) => place === document.activeElement);
      hadFocus.current = false;
      if (isHere) requestAnimationFrame(() => goButton.current?.focus());
    }
  });

  const isReady = model.value !== undefined && model.value.info.tokenizer !== null;
  return (
    <div class="tools">
      <div class="actions">
        <button
          type="button"
          id="continue"
          class="primary"
          ref={goButton}
          disabled={!isReady || running.value}
          onClick={() => void goOn()}
        >
          Continue
        </button>
        <button
          type="button"
          id="stop"
          ref={stopButton}
          disabled={!running.value}
          onClick={() => void stop()}
        >
          Stop
        </button>
        <button
          type="button"
          id="regenerate"
          disabled={!isReady || running.value || !last.value}
          onClick={() => void regenerate()}
        >
          Regenerate
        </button>
      </div>
      <VoiceChoice />
      <Ways />
      <Length />
    </div>
  );
}

function Ways() {
  return (
    <fieldset class="segments">
      <legend>Candidates</legend>
      {[1, 2, 3, 4].map((count) => (
        <label key={count}>
          <input
            type="radio"
            name="candidates"
            value={count}
            checked={candidateCount.value === count}
            onChange={() => {
              candidateCount.value = count;
            }}
          />
          <span>{count}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Length() {
  const { least, most, step } = sliders.length;
  return (
    <label class="length">
      <span>Length</span>
      <input
        type="range"
        min={least}
        max={most}
        step={step}
        value={numbers.length.value}
        onInput={({ currentTarget }) => {
          numbers.length.value = currentTarget.valueAsNumber;
        }}
      />
      <output>{numbers.length.value}</output>
    </label>
  );
}
