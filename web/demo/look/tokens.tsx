// The generated tokens, one of which can be chosen to see what else was likely in its place.
import { useSignal } from '@preact/signals';
import { cut } from '../cut.js';
import { percent, visible } from '../format.js';
import { branchOff, growth, running } from '../write/continuing.js';
import type { Spot, Tree } from '../write/tree.js';

/** So much of the text before is shown, and so many of the last tokens. */
const [openingLength, tokenCount] = [240, 400];

export function Tokens({ grove }: { grove: Tree }) {
  const chosen = useSignal<Spot | undefined>(undefined);
  growth.value; // branches grow in place
  const all = grove.way(grove.current);
  const way = all.slice(-tokenCount);
  const isOn = (spot: Spot) => chosen.value?.step === spot.step;
  const shown = way.find(isOn);
  return (
    <>
      <div class="passage" role="radiogroup" aria-label="Generated tokens" lang="">
        <span class="opening">
          {all.length > way.length ? '…' : cut(grove.opening, openingLength, 'front')}
        </span>
        {way.map(
          (spot) =>
            spot.step.text !== '' && (
              <label key={`${spot.branch.id}-${spot.index}`} class="token" style={{ '--doubt': doubt(spot) }}>
                <input
                  type="radio"
                  name="token"
                  aria-label={visible(spot.step.text)}
                  checked={isOn(spot)}
                  onChange={() => {
                    chosen.value = spot;
                  }}
                />
                {spot.step.text}
              </label>
            ),
        )}
      </div>
      {shown ? (
        <Alternatives
          spot={shown}
          onPick={(other) => {
            chosen.value = undefined;
            void branchOff(grove, shown, other);
          }}
        />
      ) : (
        <p class="hint">
          {running.value
            ? 'Writing…'
            : 'Choose a word to see what else was likely there. The stronger its colour, the less sure the model was.'}
        </p>
      )}
    </>
  );
}

function Alternatives({ spot, onPick }: { spot: Spot; onPick: (other: Candidate) => void }) {
  const { step } = spot;
  const likely: readonly Candidate[] = step.topLogprobs ?? [];
  const all = likely.some(({ token }) => token === step.token)
    ? likely
    : [...likely, { token: step.token, text: step.text, logprob: step.logprob ?? 0 }];
  return (
    <ol class="alternatives" aria-label={`In place of “${visible(step.text)}”`}>
      {all.map((other) => (
        <li key={other.token} style={{ '--share': Math.exp(other.logprob) }}>
          <button
            type="button"
            disabled={other.token === step.token || other.token === 0 || other.text.includes('\ufffd')}
            onClick={() => onPick(other)}
          >
            <span class="word" title={visible(other.text)}>
              {other.token === 0 ? 'end of text' : visible(other.text)}
            </span>
            <span class="share">{percent(other.logprob)}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}

type Candidate = NonNullable<Spot['step']['topLogprobs']>[number];

// 0: certain. 1: one of a thousand or less.
function doubt({ step }: Spot): string {
  return Math.min(1, -(step.logprob ?? 0) / Math.log(1000)).toFixed(2);
}
