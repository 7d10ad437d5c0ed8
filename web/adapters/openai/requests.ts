// From the body of a request to what is asked of the model: every parameter by name, checked before anything is computed.
import { blankBehind } from '../../page/chat/reply.js';
import type { ChatFormat, ChatTemplate, Template } from '../../page/chat/template.js';
import { render } from '../../page/chat/transcript.js';
import type { GenerateOptions } from '../../page/options.js';
import { boolean, integer, number, oneOf, type Rule } from '../../page/rules.js';
import { samplingRules } from '../../page/sampling.js';
import type { RecommendedSampling } from '../../shared/types.js';
import { asMessages, type ToolUse, type Turn } from '../shared/tools.js';
import { invalidRequest } from './errors.js';
import { anyObject, anyText, either, Fields, listOf } from './fields.js';
import { readMessages } from './messages.js';
import { type AskedTools, readTools } from './tools.js';

/** A checked request. */
export interface Job {
  /** Texts or token ids to continue. */
  readonly prompts: readonly (string | readonly number[])[];
  /** Choices for each prompt. */
  readonly n: number;
  readonly stream: boolean;
  readonly includesUsage: boolean;
  readonly echo: boolean;
  /** How many of the likeliest tokens to tell in each place; -1: no log probabilities. */
  readonly topLogprobs: number;
  readonly seed: number | undefined;
  /** What a chat's template wrote of the reply. */
  readonly opening: string | undefined;
  /** How the reply is read; `'none'`: as it comes. */
  readonly template: Template;
  /** Texts that end it. */
  readonly ends: readonly string[];
  /** What a chat's reply may call. */
  readonly tools: ToolUse | undefined;
  /** Whether the prompt has begun a thought. */
  readonly isThinking: boolean;
  /** What divides the prompt from a call that comes first. */
  readonly blank: string;
  /** All else that `session.generate` is told. */
  readonly options: GenerateOptions;
}

const mostTexts = 128;
const tokenId = integer(0, 2 ** 31 - 1);
/** Of values that say "no" or "without end". */
const off = integer(-1, -1);
/** How many tokens there may be. */
export const maxTokens = (least: number) => either(integer(least, Number.MAX_SAFE_INTEGER), off);
const seedRule = integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
const textList = listOf(anyText, 1, mostTexts, 'texts');
const tokenList = listOf(tokenId, 1, Infinity, 'token ids');
const stops = either(anyText, listOf(anyText, 0, 64, 'up to 64 texts'));
const prompts = either(
  either(anyText, textList),
  either(tokenList, listOf(tokenList, 1, mostTexts, 'lists of token ids')),
);
const biases: Rule<Record<string, number>> = {
  expected: 'an object of token ids and numbers from -100 to 100',
  accepts: (value): value is Record<string, number> =>
    anyObject.accepts(value) &&
    Object.entries(value).every(([id, bias]) => /^\d+$/.test(id) && number(-100, 100).accepts(bias)),
};

/** Parameters that are numbers, and the options that they are here. */
const numbers: Readonly<Record<string, keyof RecommendedSampling>> = {
  temperature: 'temperature',
  top_p: 'topP',
  presence_penalty: 'presencePenalty',
  frequency_penalty: 'frequencyPenalty',
  min_p: 'minP',
  typical_p: 'typicalP',
  penalty_decay: 'penaltyDecay',
};
/** Names of the same, in OpenAI's API and in those of other servers; an earlier one goes before. */
const namesOfMaxTokens = [
  ...['max_completion_tokens', 'max_output_tokens', 'max_tokens', 'max_new_tokens', 'n_predict'],
];
const namesOfStop = ['stop', 'stop_sequences'];
const namesOfSchema = ['json_schema', 'guided_json'];

/** What only concerns OpenAI's service. */
const ignored = [
  'model',
  'user',
  'metadata',
  'store',
  'service_tier',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'prediction',
];
/** What would be another text. */
const refused = {
  both: [
    ...['grammar', 'guided_grammar', 'guided_regex', 'guided_choice', 'structured_outputs', 'stop_token_ids'],
    ...['use_beam_search', 'prompt_logprobs'],
  ],
  chat: ['audio', 'web_search_options'],
  completion: ['suffix'],
};

/** What becomes of a checked request where it is known how conversations are written. @throws RwkvError as `renderChat` */
export type ReadyJob = (format: ChatFormat & { readonly template: ChatTemplate }) => Job;

/**
 * @param defaults - options that parameters of the request go before
 * @param unknown - gets the names of parameters that nobody here knows, which otherwise are errors
 * @throws OpenAIError
 */
export function chatJob(body: unknown, defaults: GenerateOptions, unknown?: Set<string>): ReadyJob {
  const fields = new Fields('', body, unknown);
  const messages = fields.require('messages', listOf(anyObject, 1, Infinity, 'at least one message'));
  const common = readCommon(fields, maxTokens(1), defaults);
  const tellsLogprobs = fields.take('logprobs', either(boolean, integer(0, 0))) || false;
  const top = fields.take('top_logprobs', integer(0, 20)) ?? 0;
  if (top > 0 && !tellsLogprobs) throw fields.invalid('top_logprobs', "to come with 'logprobs': true");
  const modalities = fields.take('modalities', listOf(anyText, 0, 16, 'a list of texts')) ?? [];
  if (modalities.some((modality) => modality !== 'text'))
    throw fields.unsupported('modalities', "send ['text']");
  const tools = readTools(fields, 'nested');
  refuseFunctions(fields);
  fields.refuse(...refused.chat);
  fields.end();
  const turns = readMessages(fields, messages);
  const job = { ...common, echo: false, topLogprobs: tellsLogprobs ? top : -1 };
  return replyTo(turns, tools, job);
}

/** The reply to a conversation. */
export function replyTo(
  turns: readonly Turn[],
  { told, use }: AskedTools,
  job: Omit<Job, 'prompts' | 'opening' | 'template' | 'ends' | 'tools' | 'isThinking' | 'blank'>,
): ReadyJob {
  const isRuled = job.options.jsonSchema !== undefined;
  return (format) => {
    const messages = asMessages(turns, told);
    const { prompt, stops, opening, isThinking } = render(messages, format, isRuled || use?.isForced);
    const template: Template = opening === undefined || (isRuled && !isThinking) ? 'none' : format.template;
    const reply = { opening, template, ends: isRuled ? [] : stops, isThinking, blank: blankBehind(opening) };
    return { ...job, ...reply, prompts: [prompt], tools: use };
  };
}

// The names that tools had before: none of them asks for nothing.
function refuseFunctions(fields: Fields): void {
  const functions = fields.take('functions', listOf(anyObject, 0, Infinity, 'a list of functions')) ?? [];
  const choice = fields.take('function_call', either(oneOf('none', 'auto'), anyObject));
  const name = functions.length > 0 ? 'functions' : typeof choice === 'object' ? 'function_call' : undefined;
  if (name === undefined) return;
  const instead = name === 'functions' ? 'tools' : 'tool_choice';
  throw invalidRequest(`'${name}' is not supported here: use '${instead}'`, name, 'unsupported_parameter');
}

/** @throws OpenAIError */
export function completionJob(body: unknown, defaults: GenerateOptions, unknown?: Set<string>): ReadyJob {
  const fields = new Fields('', body, unknown);
  const prompt = fields.require('prompt', prompts);
  const common = readCommon(fields, maxTokens(0), defaults);
  const logprobs = fields.take('logprobs', either(integer(0, 20), boolean)) ?? false;
  const topLogprobs = logprobs === false ? -1 : Number(logprobs);
  const echo = fields.take('echo', boolean) ?? false;
  const best = fields.take('best_of', integer(0, mostTexts)) ?? 1;
  if (best > common.n) throw fields.unsupported('best_of', "at most 'n'");
  fields.refuse(...refused.completion);
  fields.end();
  const list = typeof prompt === 'string' || tokenList.accepts(prompt) ? [prompt] : prompt;
  if (list.length * common.n > mostTexts)
    throw fields.invalid('n', `at most ${mostTexts} texts from all prompts together`);
  const plain = {
    opening: undefined,
    template: 'none',
    ends: [],
    tools: undefined,
    isThinking: false,
    blank: '',
  } as const;
  return () => ({ ...common, ...plain, prompts: list, echo, topLogprobs });
}

/** What all endpoints that generate have in common. @throws OpenAIError */
export function readCommon(fields: Fields, most: Rule<number>, defaults: GenerateOptions) {
  fields.ignore(...ignored);
  fields.forgive('logit_bias', 'response_format', 'stream_options', ...namesOfSchema);
  fields.refuse(...refused.both);
  fields.take('model', anyText);
  const stream = fields.take('stream', boolean) ?? false;
  const streamOptions = fields.object('stream_options');
  const includesUsage = streamOptions?.take('include_usage', boolean) ?? false;
  streamOptions?.ignore('include_obfuscation');
  streamOptions?.end();

  const options: GenerateOptions = { ...defaults };
  for (const [name, option] of Object.entries(numbers)) {
    const value = fields.take(name, samplingRules[option]);
    if (value !== undefined) options[option] = value;
  }
  const topK = fields.take('top_k', either(samplingRules.topK, off));
  if (topK !== undefined) options.topK = Math.max(topK, 0);
  const [maxTokens] = given(namesOfMaxTokens.map((name) => fields.take(name, most)));
  if (maxTokens !== undefined) options.maxTokens = maxTokens < 0 ? Number.MAX_SAFE_INTEGER : maxTokens;
  const logitBias = fields.take('logit_bias', biases);
  if (logitBias !== undefined) options.logitBias = logitBias;
  const stopLists = given(namesOfStop.map((name) => fields.take(name, stops)));
  if (stopLists.length > 0) options.stop = stopLists.flat().filter((text) => text !== '');
  if (fields.take('ignore_eos', boolean)) options.ban = [...Array.from(defaults.ban ?? []), 0];
  const [schema] = given([
    readFormat(fields.object('response_format')),
    ...namesOfSchema.map((name) => fields.take(name, anyObject)),
  ]);
  if (schema !== undefined) options.jsonSchema = schema;
  return {
    stream,
    includesUsage,
    options,
    n: fields.take('n', integer(1, mostTexts)) ?? 1,
    seed: seedOf(fields.take('seed', seedRule), defaults.seed),
  };
}

function given<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value): value is T => value !== undefined);
}

// -1 is a random one, as everywhere but in OpenAI's API; seeds here run from 0 to 2^53 - 1.
function seedOf(seed: number | undefined, usual: number | undefined): number | undefined {
  if (seed === undefined) return usual;
  if (seed === -1) return undefined;
  return seed < 0 ? seed + 2 ** 53 : seed;
}

// The JSON schema that the reply has to keep; `undefined`: any text.
function readFormat(format: Fields | undefined): object | undefined {
  if (!format) return undefined;
  const type = format.require('type', oneOf('text', 'json_object', 'json_schema'));
  const beside = format.take('schema', anyObject); // where llama.cpp has it
  const named = format.object('json_schema');
  named?.take('name', anyText);
  named?.take('strict', boolean);
  named?.take('description', anyText);
  const schema = named?.take('schema', anyObject) ?? beside;
  named?.end();
  format.end();
  if (type === 'json_schema' && !named && !beside)
    throw invalidRequest(
      "'response_format.json_schema' is missing: expected an object",
      'response_format.json_schema',
      'missing_required_parameter',
    );
  return type === 'text' ? undefined : (schema ?? { type: 'object' });
}
