// From the body of a request to what is asked of the model: every parameter by name, checked before anything is computed.
import { blankBehind } from '../../page/chat/reply.js';
import type { ChatFormat, ChatTemplate, Template } from '../../page/chat/template.js';
import { render } from '../../page/chat/transcript.js';
import type { GenerateOptions } from '../../page/options.js';
import { boolean, integer, number, oneOf, type Rule } from '../../page/rules.js';
import { asMessages, type ToolUse, type Turn } from '../shared/tools.js';
import { invalidRequest } from './errors.js';
import { anyObject, anyText, either, Fields, listOf, someText } from './fields.js';
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

type NumberOption = 'temperature' | 'topP' | 'presencePenalty' | 'frequencyPenalty' | OwnOption;
type OwnOption = 'topK' | 'minP' | 'typicalP' | 'penaltyDecay';

const mostTexts = 128;
const tokenId = integer(0, 2 ** 31 - 1);
/** How many tokens there may be. */
export const maxTokens = (least: number) => integer(least, Number.MAX_SAFE_INTEGER);
const seedRule = integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
const textList = listOf(anyText, 1, mostTexts, 'texts');
const tokenList = listOf(tokenId, 1, Infinity, 'token ids');
const stops = either(someText, listOf(someText, 0, 4, 'up to 4 texts, none of them empty'));
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

/** Parameters that are numbers, the options that they are here, and their ranges. */
const numbers: Readonly<Record<string, readonly [NumberOption, Rule<number>]>> = {
  temperature: ['temperature', number(0, 2)],
  top_p: ['topP', number(0, 1)],
  presence_penalty: ['presencePenalty', number(-2, 2)],
  frequency_penalty: ['frequencyPenalty', number(-2, 2)],
  top_k: ['topK', integer(0, 2 ** 31 - 1)],
  min_p: ['minP', number(0, 1)],
  typical_p: ['typicalP', number(0, 1)],
  penalty_decay: ['penaltyDecay', number(0, 1)],
};

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
];
const refused = {
  chat: [
    ...['audio', 'modalities', 'prediction'],
    ...['reasoning_effort', 'verbosity', 'web_search_options'],
  ],
  completion: ['suffix', 'best_of'],
};

/** What becomes of a checked request where it is known how conversations are written. @throws RwkvError as `renderChat` */
export type ReadyJob = (format: ChatFormat & { readonly template: ChatTemplate }) => Job;

/**
 * @param defaults - options that parameters of the request go before
 * @throws OpenAIError
 */
export function chatJob(body: unknown, defaults: GenerateOptions): ReadyJob {
  const fields = new Fields('', body);
  const messages = fields.require('messages', listOf(anyObject, 1, Infinity, 'at least one message'));
  const common = readCommon(fields, maxTokens(1), defaults);
  const most = fields.take('max_completion_tokens', maxTokens(1));
  const tellsLogprobs = fields.take('logprobs', boolean) ?? false;
  const top = fields.take('top_logprobs', integer(0, 20));
  if (top !== undefined && !tellsLogprobs)
    throw fields.invalid('top_logprobs', "to come with 'logprobs': true");
  const schema = readFormat(fields.object('response_format'));
  const tools = readTools(fields, 'nested');
  refuseFunctions(fields);
  fields.refuse(...refused.chat);
  fields.end();
  const turns = readMessages(messages);
  const job = {
    ...common,
    echo: false,
    topLogprobs: tellsLogprobs ? (top ?? 0) : -1,
    options: {
      ...common.options,
      ...(most !== undefined && { maxTokens: most }),
      ...(schema && { jsonSchema: schema }),
    },
  };
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
export function completionJob(body: unknown, defaults: GenerateOptions): ReadyJob {
  const fields = new Fields('', body);
  const prompt = fields.require('prompt', prompts);
  const common = readCommon(fields, maxTokens(0), defaults);
  const topLogprobs = fields.take('logprobs', integer(0, 5)) ?? -1;
  const echo = fields.take('echo', boolean) ?? false;
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
  fields.take('model', anyText);
  const stream = fields.take('stream', boolean) ?? false;
  const streamOptions = fields.object('stream_options');
  if (streamOptions && !stream) throw fields.invalid('stream_options', "to come with 'stream': true");
  const includesUsage = streamOptions?.take('include_usage', boolean) ?? false;
  streamOptions?.ignore('include_obfuscation');
  streamOptions?.end();

  const options: GenerateOptions = { ...defaults };
  for (const [name, [option, rule]] of Object.entries(numbers)) {
    const value = fields.take(name, rule);
    if (value !== undefined) options[option] = value;
  }
  const maxTokens = fields.take('max_tokens', most);
  if (maxTokens !== undefined) options.maxTokens = maxTokens;
  const logitBias = fields.take('logit_bias', biases);
  if (logitBias !== undefined) options.logitBias = logitBias;
  const stop = fields.take('stop', stops);
  if (stop !== undefined) options.stop = stop;
  const seed = fields.take('seed', seedRule) ?? defaults.seed;
  return {
    stream,
    includesUsage,
    options,
    n: fields.take('n', integer(1, mostTexts)) ?? 1,
    seed: seed === undefined || seed >= 0 ? seed : seed + 2 ** 53, // seeds run from 0 to 2^53 - 1
  };
}

// The JSON schema that the reply has to keep; `undefined`: any text.
function readFormat(format: Fields | undefined): object | undefined {
  if (!format) return undefined;
  const type = format.require('type', oneOf('text', 'json_object', 'json_schema'));
  if (type !== 'json_schema') {
    format.end();
    return type === 'text' ? undefined : { type: 'object' };
  }
  const given = format.object('json_schema');
  if (!given)
    throw invalidRequest(
      "'response_format.json_schema' is missing: expected an object",
      'response_format.json_schema',
      'missing_required_parameter',
    );
  given.require('name', someText);
  given.take('strict', boolean);
  given.take('description', anyText);
  const schema = given.take('schema', anyObject);
  given.end();
  format.end();
  return schema ?? { type: 'object' };
}
