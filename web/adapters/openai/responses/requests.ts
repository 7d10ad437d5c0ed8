// From the body of a request for a response to what is asked of the model.
import type { GenerateOptions } from '../../../page/options.js';
import { boolean, integer, oneOf } from '../../../page/rules.js';
import { invalidRequest } from '../errors.js';
import { anyObject, anyText, either, Fields, listOf, someText } from '../fields.js';
import { maxTokens, type ReadyJob, readCommon, replyTo } from '../requests.js';
import { readTools } from '../tools.js';
import { readInput } from './input.js';
import type { ModelResponse } from './types.js';

/** What a response tells back of its request. */
export type Echo = Pick<
  ModelResponse,
  | ('instructions' | 'max_output_tokens' | 'metadata' | 'parallel_tool_calls' | 'temperature')
  | ('text' | 'tool_choice' | 'tools' | 'top_p')
>;

const logprobs = 'message.output_text.logprobs';
const inputs = either(anyText, listOf(anyObject, 0, Infinity, 'a list of items'));

/** @throws OpenAIError */
export function responseJob(
  body: unknown,
  defaults: GenerateOptions,
  unknown?: Set<string>,
): { ready: ReadyJob; echo: Echo } {
  const fields = new Fields('', body, unknown);
  const input = fields.require('input', inputs);
  const instructions = fields.take('instructions', anyText);
  const common = readCommon(fields, maxTokens(1), defaults);
  if (common.n !== 1) throw fields.invalid('n', '1');
  const most = fields.take('max_output_tokens', maxTokens(1));
  const text = fields.object('text');
  const { format, schema } = readFormat(text?.object('format'));
  text?.ignore('verbosity');
  text?.end();
  const asked = readTools(fields, 'flat');
  const included = fields.take('include', listOf(anyText, 0, Infinity, 'texts')) ?? [];
  const top = fields.take('top_logprobs', integer(0, 20)) ?? 0;
  const metadata = fields.take('metadata', anyObject) ?? {};
  if (fields.take('background', boolean))
    throw invalidRequest(
      "'background' is not supported here: wait for the response, or stream it",
      'background',
      'unsupported_parameter',
    );
  if (fields.take('previous_response_id', anyText) !== undefined)
    throw invalidRequest(
      "'previous_response_id' is not supported: nothing is stored here, send the whole conversation as 'input'",
      'previous_response_id',
      'unsupported_parameter',
    );
  fields.refuse('conversation', 'prompt');
  fields.ignore(
    'truncation',
    'reasoning',
    'max_tool_calls',
    'context_management',
    'moderation',
    'prompt_cache_options',
  );
  fields.end();

  const { temperature = 1, topP = 0.7 } = common.options;
  const options = { ...common.options, ...(schema && { jsonSchema: schema }) };
  const topLogprobs = included.includes(logprobs) ? top : -1;
  const job = { ...common, includesUsage: true, echo: false, topLogprobs, options };
  return {
    ready: replyTo(readInput(fields, input, instructions), asked, job),
    echo: {
      instructions: instructions ?? null,
      max_output_tokens: most ?? null,
      metadata,
      parallel_tool_calls: fields.take('parallel_tool_calls', boolean) ?? true,
      temperature,
      text: { format },
      tool_choice: fields.take('tool_choice', either(anyText, anyObject)) ?? 'auto',
      tools: fields.take('tools', listOf(anyObject, 0, Infinity, 'a list of tools')) ?? [],
      top_p: topP,
    },
  };
}

// What the text has to look like, as it was asked for, and the JSON schema that says so.
function readFormat(fields: Fields | undefined): { format: object; schema?: object } {
  const type = fields?.require('type', oneOf('text', 'json_object', 'json_schema')) ?? 'text';
  if (type !== 'json_schema' || !fields) {
    fields?.end();
    return type === 'json_object'
      ? { format: { type }, schema: { type: 'object' } }
      : { format: { type: 'text' } };
  }
  const name = fields.require('name', someText);
  const schema = fields.require('schema', anyObject);
  const strict = fields.take('strict', boolean) ?? true;
  fields.ignore('description');
  fields.end();
  return { format: { type, name, schema, strict }, schema };
}
