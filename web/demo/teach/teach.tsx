// The tab to teach in: texts, the loss as it falls, before and after, and what was learned as a voice.
import { useEffect } from 'preact/hooks';
import { duration } from '../format.js';
import { model } from '../models/loaded.js';
import { VoiceList } from '../voices/voice-list.js';
import { Comparison } from './comparison.js';
import {
  addFiles,
  epochs,
  findInterrupted,
  isOpen,
  learned,
  pauseLesson,
  stage,
  startOver,
  step,
  teach,
  texts,
} from './lesson.js';
import { LossChart } from './loss-chart.js';
import { curve } from './losses.js';

export function Teach() {
  useEffect(() => void findInterrupted(), [model.value]);
  const hasLearned = curve.value.steps.length > 0;
  return (
    <div class="teach">
      <section aria-labelledby="teach-heading">
        <h2 id="teach-heading">Teach</h2>
        <p class="lead">
          Give it some pages to read, letters or recipes or a play. It learns how such texts go, here in the
          page, and nothing leaves it.
        </p>
        <Texts />
        <Actions />
      </section>
      {hasLearned && (
        <section aria-labelledby="losses-heading">
          <h2 id="losses-heading">How it gets on</h2>
          <p class="lead">
            Surprise a token, in nats: lower is better. The points are of pages that it was not taught.
          </p>
          <LossChart />
        </section>
      )}
      {learned.value && <Comparison state={learned.value.bytes} />}
      <VoiceList />
    </div>
  );
}

const isBusy = () => stage.value === 'starting' || stage.value === 'learning';

function Texts() {
  return (
    <>
      <textarea
        class="texts"
        aria-label="Texts to teach"
        rows={8}
        placeholder="Paste texts here"
        disabled={!isOpen.value}
        value={texts.value}
        onInput={({ currentTarget }) => {
          texts.value = currentTarget.value;
        }}
      />
      <div class="row-actions">
        <label class="button file">
          Add text files
          <input
            type="file"
            multiple
            accept=".txt,.md,text/*"
            disabled={!isOpen.value}
            onChange={({ currentTarget }) => {
              void addFiles([...(currentTarget.files ?? [])]);
              currentTarget.value = '';
            }}
          />
        </label>
        <label class="length">
          <span>Read it</span>
          <input
            type="range"
            min={1}
            max={12}
            value={epochs.value}
            disabled={!isOpen.value}
            onInput={({ currentTarget }) => {
              epochs.value = currentTarget.valueAsNumber;
            }}
          />
          <output>{epochs.value === 1 ? 'once' : `${epochs.value} times`}</output>
        </label>
        <small>{texts.value.length.toLocaleString('en')} letters</small>
      </div>
    </>
  );
}

function Actions() {
  const canTeach = model.value?.info.tokenizer != null && texts.value.trim() !== '';
  return (
    <>
      <p class="row-actions">
        <button type="button" class="primary" disabled={!canTeach || isBusy()} onClick={() => void teach()}>
          {stage.value === 'paused' ? 'Go on' : 'Teach'}
        </button>
        <button type="button" disabled={!isBusy()} onClick={pauseLesson}>
          Pause
        </button>
        {(stage.value === 'paused' || stage.value === 'done') && (
          <button type="button" class="quiet" onClick={() => void startOver()}>
            Start over
          </button>
        )}
      </p>
      <p class="progress" role="status">
        {progress()}
      </p>
    </>
  );
}

function progress(): string {
  const now = step.value;
  if (stage.value === 'starting') return 'The pages are being read…';
  if (stage.value === 'done') return 'It has learned.';
  if (stage.value === 'paused') return 'The lesson is paused; it stays in this browser.';
  if (!now) return '';
  const left = ((now.steps - now.step) * now.tokens) / now.tokensPerSecond;
  const waits = now.step < now.steps ? ` · ${duration(left)} to go` : '';
  return `Step ${now.step} of ${now.steps} · ${Math.round(now.tokensPerSecond)} tokens/s${waits}`;
}
