// From a call of the AI SDK to what is asked of a session, with warnings of what a text model cannot do.
import { blankBehind, ReplyReader } from '../../page/chat/reply.js';
import { type ThinkMode, type TranscriptFormat, templateFor } from '../../page/chat/template.js';
import { Transcript } from '../../page/chat/transcript.js';
import type { GenerateOptions } from '../../page/options.js';
import type { ReplyPlan } from '../shared/replying.js';
import { asMessages } from '../shared/tools.js';
import { turnsOf } from './prompt.js';
import { readTools } from './tools.js';
import type { CallOptions, Warn, Warning } from './types.js';

/** A call, ready to be made. */
export interface Call {
  readonly prompt: string;
  readonly plan: ReplyPlan;
  readonly reader: ReplyReader;
  readonly warnings: Warning[];
}

/** The key of `providerOptions` and `providerMetadata`. */
export const providerKey = 'rwkv';

type Reasoning = NonNullable<CallOptions['reasoning']>;

const thinkModes: Readonly<Record<Exclude<Reasoning, 'provider-default'>, ThinkMode>> = {
  none: false,
  minimal: 'short',
  low: 'short',
  medium: true,
  high: 'long',
  xhigh: 'long',
  max: 'long',
};

/**
 * @param format - how the model's conversations are written
 * @param model - the model's name
 * @param defaults - what settings of the call go before
 * @throws RwkvError `invalid-argument`
 */
export function prepareCall(
  call: CallOptions,
  format: TranscriptFormat,
  model: string,
  defaults: GenerateOptions,
): Call {
  const warnings: Warning[] = [];
  const warn: Warn = (feature, details) => warnings.push({ type: 'unsupported', feature, details });
  const { told, use } = readTools(call, warn);
  const schema = call.responseFormat?.type === 'json' ? (call.responseFormat.schema ?? true) : undefined;
  const isStructured = schema !== undefined;
  const template = format.template ?? templateFor({ name: model });
  const transcript = new Transcript(thinking(call.reasoning, { ...format, template }, warn));
  const messages = asMessages(turnsOf(call.prompt, warn), told);
  const written = transcript.written(messages, isStructured || use?.isForced);
  const { prompt, opening, isThinking } = written;
  const stops = isStructured ? [] : transcript.stops;
  return {
    prompt,
    reader: new ReplyReader(prompt, isStructured && !isThinking ? 'none' : template),
    warnings,
    plan: {
      tools: use,
      isThinking,
      blank: blankBehind(opening),
      options: {
        ...defaults,
        ...given({
          maxTokens: call.maxOutputTokens,
          temperature: call.temperature,
          topP: call.topP,
          topK: call.topK,
          presencePenalty: call.presencePenalty,
          frequencyPenalty: call.frequencyPenalty,
          seed: call.seed,
        }),
        ...call.providerOptions?.[providerKey],
        ...(isStructured && { jsonSchema: schema }),
        stop: [...stops, ...listOf(defaults.stop), ...(call.stopSequences ?? [])],
        signal: call.abortSignal,
      },
    },
  };
}

// `reasoning` of the call goes before `think` of the model.
function thinking(
  reasoning: Reasoning = 'provider-default',
  format: TranscriptFormat,
  warn: Warn,
): TranscriptFormat {
  if (reasoning === 'provider-default') return format;
  const think = thinkModes[reasoning];
  if (format.template === 'g1') return { ...format, think };
  if (think !== false) warn('reasoning', "only models with the template 'g1' think");
  return format;
}

function listOf(stop: GenerateOptions['stop'] = []): readonly string[] {
  return typeof stop === 'string' ? [stop] : stop;
}

// Less what is undefined, which would hide a default.
function given<T extends object>(options: T): Partial<T> {
  const copy: Partial<T> = { ...options };
  for (const name of Object.keys(copy)) {
    if (Reflect.get(copy, name) === undefined) Reflect.deleteProperty(copy, name);
  }
  return copy;
}
