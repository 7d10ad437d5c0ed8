// Options of `create` and `prompt`, checked as the specification has it, and what they are to a session.

import type { GenerateOptions } from '../../page/options.js';
import { presets } from '../../page/presets.js';
import { show } from '../../shared/errors.js';
import { isAbortSignal, isRegExp } from '../../shared/realms.js';
import { exception } from './errors.js';
import { grammarOf } from './regex-grammar.js';
import type {
  LanguageModelCreateCoreOptions,
  LanguageModelExpected,
  LanguageModelParams,
  LanguageModelPromptOptions,
  LanguageModelSamplingMode,
  LanguageModelSignalOptions,
} from './types.js';

/** How a session draws. */
export interface Sampling {
  readonly topK: number;
  readonly temperature: number;
  readonly samplingMode: LanguageModelSamplingMode | null;
  readonly options: GenerateOptions;
}

/** A form that a reply has to keep. */
export interface Constraint {
  /** Options of `session.complete` that keep the reply to it. */
  readonly options: { readonly jsonSchema?: object; readonly grammar?: string };
  isKeptBy(reply: string): boolean;
}

/** The most that a World vocabulary has tokens: to choose among so many is no limit. */
const maxTopK = 65_536;
const maxTemperature = 2;

const modes: Readonly<Record<LanguageModelSamplingMode, GenerateOptions>> = {
  'most-predictable': { temperature: 0 },
  predictable: presets.precise,
  'slightly-predictable': presets.chat,
  balanced: {},
  'slightly-creative': { temperature: 1, topP: 0.8 },
  creative: presets.creative,
  'most-creative': { temperature: 1.3, topP: 0.9, presencePenalty: 0.4, frequencyPenalty: 0.4 },
};

export function paramsOf(defaults: GenerateOptions): LanguageModelParams {
  return {
    defaultTopK: defaults.topK || maxTopK,
    maxTopK,
    defaultTemperature: defaults.temperature ?? 1,
    maxTemperature,
  };
}

/** A dictionary as Web IDL takes it: `null` is an empty one. @throws TypeError */
export function dictionary<T extends object>(given: T | null | undefined, empty: T): T {
  if (given === undefined || given === null) return empty;
  if (typeof given === 'object' || typeof given === 'function') return given;
  throw new TypeError(`options: expected an object; found ${show(given)}`);
}

/** @throws TypeError, RangeError */
export function checkSampling(options: LanguageModelCreateCoreOptions, defaults: GenerateOptions): Sampling {
  const { topK, temperature, samplingMode } = options;
  const params = paramsOf(defaults);
  const isRaw = topK !== undefined || temperature !== undefined;
  if (samplingMode !== undefined && !Object.hasOwn(modes, samplingMode))
    throw new TypeError(
      `samplingMode: expected one of ${Object.keys(modes).join(', ')}; found '${samplingMode}'`,
    );
  if (samplingMode !== undefined && isRaw)
    throw new TypeError('samplingMode cannot come with topK or temperature');
  if (topK !== undefined && !(topK >= 1))
    throw new RangeError(`topK: expected a number from 1 up; found ${topK}`);
  if (temperature !== undefined && !(temperature >= 0))
    throw new RangeError(`temperature: expected a number from 0 up; found ${temperature}`);
  const drawing: GenerateOptions = {
    ...defaults,
    ...modes[samplingMode ?? 'balanced'],
    ...(topK !== undefined && { topK: topK >= maxTopK ? 0 : Math.floor(topK) }),
    ...(temperature !== undefined && { temperature: Math.min(temperature, maxTemperature) }),
  };
  return {
    topK: drawing.topK || maxTopK,
    temperature: drawing.temperature ?? params.defaultTemperature,
    samplingMode: isRaw ? null : (samplingMode ?? 'balanced'),
    options: drawing,
  };
}

/** What of the options no text model can do, as a sentence. @throws TypeError, RangeError */
export function unsupportedIn(options: LanguageModelCreateCoreOptions): string | undefined {
  const { expectedInputs = [], expectedOutputs = [], tools = [] } = options;
  const expected = [...typesOf(expectedInputs, 'read'), ...typesOf(expectedOutputs, 'write')];
  return [...tools].length > 0
    ? 'tools are not supported here: rwkv-wasm/openai and rwkv-wasm/ai-sdk call them'
    : expected[0];
}

function typesOf(expected: readonly LanguageModelExpected[], verb: string): string[] {
  return [...expected].flatMap(({ type, languages = [] }) => {
    Intl.getCanonicalLocales([...languages]); // throws a RangeError for what is no tag
    return type === 'text' ? [] : `RWKV models ${verb} text, not ${type}`;
  });
}

/** @throws TypeError, DOMException `NotSupportedError` for regular expressions that no grammar can say */
export function checkConstraint(options: LanguageModelPromptOptions): Constraint | undefined {
  const { responseConstraint: constraint, omitResponseConstraintInput } = dictionary(options, {});
  if (constraint === undefined || constraint === null) {
    if (omitResponseConstraintInput)
      throw new TypeError('omitResponseConstraintInput needs a responseConstraint');
    return undefined;
  }
  if (isRegExp(constraint)) {
    const made = grammarOf(constraint);
    const expression = new RegExp(constraint.source, constraint.flags.replace(/[gy]/g, ''));
    if ('grammar' in made) return { options: made, isKeptBy: (reply) => expression.test(reply) };
    throw exception('NotSupportedError', `responseConstraint: ${made.reason}`);
  }
  if (typeof constraint !== 'object' || Array.isArray(constraint))
    throw new TypeError('responseConstraint: expected a JSON schema object or a RegExp');
  return { options: { jsonSchema: constraint }, isKeptBy: isJson };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What a signal that is given has to be. @throws TypeError */
export function checkSignal(options: LanguageModelSignalOptions): AbortSignal | undefined {
  const { signal } = dictionary(options, {});
  if (signal !== undefined && !isAbortSignal(signal)) throw new TypeError('signal: expected an AbortSignal');
  return signal;
}

/** The error of a reply that does not keep its constraint. */
export function unfinished(finishReason: string): DOMException {
  const why = finishReason === 'length' ? 'it reached its greatest length' : `it ended by '${finishReason}'`;
  return exception('SyntaxError', `the reply does not keep its responseConstraint: ${why}`);
}
