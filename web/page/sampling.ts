// The numbers that say how tokens are drawn: their rules, and how a packed file spells them.
import type { RecommendedSampling } from '../shared/types.js';
import { above, type Get, integer, number, type Rule } from './rules.js';

/** The rule of each. */
export const samplingRules: Readonly<Record<keyof RecommendedSampling, Rule<number>>> = {
  temperature: number(0, 100),
  topP: number(0, 1),
  topK: integer(0, 2 ** 31 - 1),
  minP: number(0, 1),
  typicalP: above(0, 1),
  presencePenalty: number(-100, 100),
  frequencyPenalty: number(-100, 100),
  penaltyDecay: number(0, 1),
};
const rules = new Map<string, Rule<number>>(Object.entries(samplingRules));

/** What the words of a file recommend: names and numbers by turns. What is not known or cannot be is passed over. */
export function readSampling(words: string): RecommendedSampling | null {
  const read = new Map<string, number>();
  for (const [, name = '', text = ''] of words.matchAll(/(\S+) (\S+)/g)) {
    const value = Number(text);
    if (rules.get(name)?.accepts(value)) read.set(name, value);
  }
  return read.size > 0 ? Object.fromEntries(read) : null;
}

/** The words of `sampling`; `null` where there are none to be written. */
export function writeSampling(sampling: RecommendedSampling | undefined): string | null {
  return sampling ? Object.entries(sampling).flat().join(' ') : null;
}

/** Takes what is said of them. */
export function takeSampling(get: Get): RecommendedSampling {
  const said = [...rules].map(([name, rule]) => [name, get(name, rule)] as const);
  return Object.fromEntries(said.filter(([, value]) => value !== undefined));
}

/** Options with what they leave open as a model recommends it. */
export function withRecommended<Options extends { penaltyHalfLife?: number | undefined }>(
  sampling: RecommendedSampling | null,
  options: Options,
): RecommendedSampling & Options {
  const { penaltyDecay: _, ...withoutDecay } = sampling ?? {};
  const recommended = options.penaltyHalfLife === undefined ? sampling : withoutDecay;
  const open = Object.entries(recommended ?? {}).filter(([name]) => Reflect.get(options, name) === undefined);
  return { ...options, ...Object.fromEntries(open) };
}
