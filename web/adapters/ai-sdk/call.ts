// From a call of the AI SDK to what is asked of a session, with warnings of what a text model cannot do.
import type { ChatMessage } from '../../page/chat/messages.js';
import { ReplyReader } from '../../page/chat/reply.js';
import { type ThinkMode, type TranscriptFormat, templateFor } from '../../page/chat/template.js';
import { Transcript } from '../../page/chat/transcript.js';
import type { GenerateOptions } from '../../page/options.js';
import type { CallOptions, Message, Prompt, Warning } from './types.js';

/** A call, ready to be made. */
export interface Call {
  readonly prompt: string;
  readonly options: GenerateOptions;
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
  const warn = (feature: string, details: string) => warnings.push({ type: 'unsupported', feature, details });
  if (call.tools?.length) warn('tools', 'RWKV models call no tools');
  const schema = call.responseFormat?.type === 'json' ? (call.responseFormat.schema ?? true) : undefined;
  const isStructured = schema !== undefined;
  const template = format.template ?? templateFor({ name: model });
  const transcript = new Transcript(thinking(call.reasoning, { ...format, template }, warn));
  const { prompt, stops } = transcript.written(turnsOf(call.prompt, warn), isStructured);
  return {
    prompt,
    reader: new ReplyReader(prompt, isStructured ? 'none' : template),
    warnings,
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
  };
}

// `reasoning` of the call goes before `think` of the model.
function thinking(
  reasoning: Reasoning = 'provider-default',
  format: TranscriptFormat,
  warn: (feature: string, details: string) => void,
): TranscriptFormat {
  if (reasoning === 'provider-default') return format;
  const think = thinkModes[reasoning];
  if (format.template === 'g1') return { ...format, think };
  if (think !== false) warn('reasoning', "only models with the template 'g1' think");
  return format;
}

function turnsOf(prompt: Prompt, warn: (feature: string, details: string) => void): ChatMessage[] {
  return prompt.flatMap((message) => {
    if (message.role !== 'tool') return { role: message.role, content: textOf(message, warn) };
    warn('tool messages', 'RWKV models call no tools: the message is left out');
    return [];
  });
}

// Thoughts are not read again: models are trained without those of earlier replies.
function textOf(
  { content }: Exclude<Message, { role: 'tool' }>,
  warn: (feature: string, details: string) => void,
): string {
  if (typeof content === 'string') return content;
  let text = '';
  for (const part of content) {
    if (part.type === 'text') text += part.text;
    else if (part.type === 'file' && part.data.type === 'text') text += part.data.text;
    else if (part.type !== 'reasoning') {
      const what = part.type === 'file' ? `a file of type ${part.mediaType}` : `a part of type ${part.type}`;
      warn(`${part.type} parts`, `RWKV models read text: ${what} is left out`);
    }
  }
  return text;
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
