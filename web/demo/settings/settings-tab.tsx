// The tab of choices: how words are drawn, what computes them, what is kept.
import { presets } from 'rwkv-wasm';
import { Documents } from '../documents/list.js';
import { load, model } from '../models/loaded.js';
import {
  apply,
  type BuildChoice,
  build,
  type DeviceChoice,
  device,
  isApplied,
  numbers,
  type SliderName,
  sliderNames,
  sliders,
  type Theme,
  type Threads,
  theme,
  threads,
} from './settings.js';

export function Settings() {
  return (
    <div class="settings">
      <section aria-labelledby="sampling-heading">
        <h2 id="sampling-heading">How words are drawn</h2>
        <fieldset class="presets" aria-label="Presets">
          {Object.entries({ default: {}, ...presets }).map(([name, preset]) => (
            <button type="button" key={name} aria-pressed={isApplied(preset)} onClick={() => apply(preset)}>
              {name.charAt(0).toUpperCase() + name.slice(1)}
            </button>
          ))}
        </fieldset>
        <div class="sliders">
          {sliderNames
            .filter((name) => name !== 'length')
            .map((name) => (
              <Slider key={name} name={name} />
            ))}
        </div>
      </section>
      <Machine />
      <section aria-labelledby="looks-heading">
        <h2 id="looks-heading">Appearance</h2>
        <Choice<Theme>
          label="Colours"
          value={theme.value}
          choices={{ system: 'As the system', light: 'Light', dark: 'Dark' }}
          onChoose={(choice) => {
            theme.value = choice;
          }}
        />
      </section>
      <Documents />
      <p class="imprint">
        <a href="THIRD-PARTY-NOTICES.txt" target="_blank" rel="noreferrer">
          Licences
        </a>
      </p>
    </div>
  );
}

function Slider({ name }: { name: SliderName }) {
  const { label, least, most, step, tells } = sliders[name];
  const value = numbers[name];
  return (
    <div class="slider">
      <div class="name">
        <label for={`set-${name}`}>{label}</label>
        <output for={`set-${name}`}>{value.value}</output>
      </div>
      <input
        id={`set-${name}`}
        type="range"
        min={least}
        max={most}
        step={step}
        value={value.value}
        aria-describedby={`tells-${name}`}
        onInput={({ currentTarget }) => {
          value.value = currentTarget.valueAsNumber;
        }}
      />
      <small id={`tells-${name}`}>{tells}</small>
    </div>
  );
}

const deviceNames = { cpu: 'Processor', gpu: 'Graphics processor (WebGPU)' };
const threadChoices: readonly Threads[] = ['auto', 1, 2, 3, 4, 6, 8];

function Machine() {
  const info = model.value?.info;
  const canShare = globalThis.crossOriginIsolated;
  return (
    <section aria-labelledby="machine-heading">
      <h2 id="machine-heading">What computes</h2>
      <p class="lead">
        {canShare
          ? 'This page may use several threads.'
          : 'This page is not cross-origin isolated: one thread computes, and everything works.'}{' '}
        Choices hold for the next model that is loaded.
      </p>
      {canShare && (
        <Choice<string>
          label="Threads"
          value={`${threads.value}`}
          choices={Object.fromEntries(threadChoices.map((choice) => [`${choice}`, `${choice}`]))}
          onChoose={(name) => {
            threads.value = threadChoices.find((choice) => `${choice}` === name) ?? 'auto';
          }}
        />
      )}
      <Choice<BuildChoice>
        label="Build"
        value={build.value}
        choices={{ auto: 'Fastest that runs here', baseline: 'Baseline', relaxed: 'Relaxed SIMD' }}
        onChoose={(choice) => {
          build.value = choice;
        }}
      />
      <Choice<DeviceChoice>
        label="Device"
        value={device.value}
        choices={{ ...deviceNames, auto: 'The faster one' }}
        onChoose={(choice) => {
          device.value = choice;
        }}
      />
      {info && (
        <dl class="facts">
          <dt>Device in use</dt>
          <dd>{deviceNames[info.device]}</dd>
          <dt>Build in use</dt>
          <dd>{info.build}</dd>
          <dt>Threads in use</dt>
          <dd>{info.threads}</dd>
          <dt>Quantization</dt>
          <dd>{info.quantization}</dd>
          <dt>Kernels</dt>
          <dd>{info.kernels}</dd>
          <dt>Vocabulary</dt>
          <dd>{info.tokenizer ?? 'none'}</dd>
        </dl>
      )}
      <p>
        <button type="button" onClick={() => void load('Storyteller', undefined)}>
          Load the storyteller again
        </button>
      </p>
    </section>
  );
}

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly choices: Readonly<Record<T, string>>;
  readonly onChoose: (choice: T) => void;
}

function Choice<T extends string>({ label, value, choices, onChoose }: ChoiceProps<T>) {
  const names = keysOf(choices);
  return (
    <label class="field">
      <span>{label}</span>
      <select
        value={value}
        onChange={({ currentTarget }) => {
          const chosen = names.find((name) => name === currentTarget.value);
          if (chosen !== undefined) onChoose(chosen);
        }}
      >
        {names.map((name) => (
          <option key={name} value={name}>
            {choices[name]}
          </option>
        ))}
      </select>
    </label>
  );
}

function keysOf<T extends string>(choices: Readonly<Record<T, string>>): T[] {
  const names: T[] = [];
  for (const name in choices) names.push(name);
  return names;
}
