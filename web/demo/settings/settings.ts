// What the reader of the page has chosen. It stays in the browser.
import { effect, signal } from '@preact/signals';
import type { GenerateOptions, LoadOptions, RecommendedSampling } from 'rwkv-wasm';

/** The numbers that sliders set: their ranges, steps and first values. */
export const sliders = {
  temperature: {
    label: 'Temperature',
    least: 0,
    most: 2,
    step: 0.05,
    value: 1,
    tells: 'Higher is bolder; 0 always takes the likeliest word.',
  },
  topP: {
    label: 'Top-p',
    least: 0,
    most: 1,
    step: 0.05,
    value: 0.7,
    tells: 'Chooses among the likeliest words that together have this probability.',
  },
  topK: {
    label: 'Top-k',
    least: 0,
    most: 200,
    step: 1,
    value: 0,
    tells: 'Chooses among so many of the likeliest words; 0: no limit.',
  },
  minP: {
    label: 'Min-p',
    least: 0,
    most: 1,
    step: 0.01,
    value: 0,
    tells: 'Leaves out words less likely than this share of the likeliest.',
  },
  presencePenalty: {
    label: 'Presence penalty',
    least: 0,
    most: 3,
    step: 0.1,
    value: 0,
    tells: 'Keeps words that were written from coming again.',
  },
  frequencyPenalty: {
    label: 'Frequency penalty',
    least: 0,
    most: 3,
    step: 0.1,
    value: 0,
    tells: 'The same, for each time they came.',
  },
  length: {
    label: 'Length',
    least: 16,
    most: 1024,
    step: 16,
    value: 256,
    tells: 'Tokens that one Continue writes at most.',
  },
} as const;

export type SliderName = keyof typeof sliders;
export type Theme = 'system' | 'light' | 'dark';
export type Threads = NonNullable<LoadOptions['threads']>;
export type BuildChoice = NonNullable<LoadOptions['build']>;
export type DeviceChoice = NonNullable<LoadOptions['device']>;

const key = 'settings';
const kept = read();

function initial(name: SliderName): number {
  const { least, most, value } = sliders[name];
  const found = kept.get(name);
  return typeof found === 'number' && found >= least && found <= most ? found : value;
}
function oneOf<T extends string | number>(name: string, first: T, ...others: readonly T[]): T {
  return [first, ...others].find((choice) => choice === kept.get(name)) ?? first;
}

export const numbers = {
  temperature: signal(initial('temperature')),
  topP: signal(initial('topP')),
  topK: signal(initial('topK')),
  minP: signal(initial('minP')),
  presencePenalty: signal(initial('presencePenalty')),
  frequencyPenalty: signal(initial('frequencyPenalty')),
  length: signal(initial('length')),
};
export const candidateCount = signal(oneOf<number>('candidateCount', 1, 2, 3, 4));
export const threads = signal(oneOf<Threads>('threads', 'auto', 1, 2, 3, 4, 6, 8));
export const build = signal(oneOf<BuildChoice>('build', 'auto', 'baseline', 'relaxed'));
export const device = signal(oneOf<DeviceChoice>('device', 'cpu', 'gpu', 'auto'));
export const theme = signal(oneOf<Theme>('theme', 'system', 'light', 'dark'));

/** What the model recommends. The sliders follow it until they are moved. */
const recommended = signal<RecommendedSampling>({});

/** A model has come, which recommends this. */
export function recommend(sampling: RecommendedSampling | null): void {
  const isFollowed = isApplied(recommended.value);
  recommended.value = sampling ?? {};
  if (isFollowed) apply(recommended.value);
}

/** How fast penalties forget has no slider: it stays as what was applied last has it. */
const penaltyDecay = signal(decayOf(kept.get('penaltyDecay')));

function decayOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= 1 ? value : undefined;
}

/** The sampling options that the sliders say. */
export function sampling(): GenerateOptions {
  const { temperature, topP, topK, minP, presencePenalty, frequencyPenalty } = numbers;
  return {
    temperature: temperature.value,
    topP: topP.value,
    topK: topK.value,
    minP: minP.value,
    presencePenalty: presencePenalty.value,
    frequencyPenalty: frequencyPenalty.value,
    penaltyDecay: penaltyDecay.value,
  };
}

/** Sets the sliders to a preset; what it does not name goes back to its first value. */
export function apply(preset: GenerateOptions): void {
  for (const [name, value] of valuesOf(preset)) numbers[name].value = value;
  penaltyDecay.value = preset.penaltyDecay;
}

/** Whether the sliders stand as a preset says. */
export function isApplied(preset: GenerateOptions): boolean {
  return valuesOf(preset).every(([name, value]) => numbers[name].value === value);
}

function valuesOf(preset: GenerateOptions): [SliderName, number][] {
  const given = new Map<string, unknown>(Object.entries(preset));
  return sliderNames
    .filter((name) => name !== 'length')
    .map((name) => {
      const value = given.get(name);
      return [name, typeof value === 'number' ? value : sliders[name].value];
    });
}

export const sliderNames: readonly SliderName[] = [
  'temperature',
  'topP',
  'topK',
  'minP',
  'presencePenalty',
  'frequencyPenalty',
  'length',
];

effect(() => {
  const root = document.documentElement;
  if (theme.value === 'system') root.removeAttribute('data-theme');
  else root.setAttribute('data-theme', theme.value);
});

effect(() => {
  const values = Object.fromEntries(sliderNames.map((name) => [name, numbers[name].value]));
  const choices = { candidateCount, threads, build, device, theme, penaltyDecay };
  for (const [name, choice] of Object.entries(choices)) Object.assign(values, { [name]: choice.value });
  try {
    localStorage.setItem(key, JSON.stringify(values));
  } catch {
    // Where nothing may be kept, the choices last as long as the page.
  }
});

function read(): ReadonlyMap<string, unknown> {
  try {
    return new Map(Object.entries(Object(JSON.parse(localStorage.getItem(key) ?? '{}'))));
  } catch {
    return new Map();
  }
}
