// The same model by version 2 of the specification, which the AI SDK 5 and 6 speak.
import { isUrl } from '../../shared/realms.js';
import type { RwkvLanguageModel } from './model.js';
import type {
  CallOptions,
  FinishReason,
  LanguageModelV2,
  Message,
  MessageV2,
  StreamPart,
  StreamPartV2,
  Usage,
  Warning,
  WarningV2,
} from './types.js';

type CallOptionsV2 = Parameters<LanguageModelV2['doStream']>[0];
type ContentV2 = Awaited<ReturnType<LanguageModelV2['doGenerate']>>['content'][number];

/** What `rwkv` gives for `specification: 'v2'`. */
export type RwkvLanguageModelV2 = LanguageModelV2 & Pick<RwkvLanguageModel, 'dispose'>;

export function version2(model: RwkvLanguageModel): RwkvLanguageModelV2 {
  const { provider, modelId, supportedUrls } = model;
  return {
    specificationVersion: 'v2',
    ...{ provider, modelId, supportedUrls },
    async doGenerate(options) {
      const { content, finishReason, usage, warnings, response } = await model.doGenerate(newer(options));
      return {
        content: content.flatMap((part): ContentV2[] => {
          if (part.type === 'text' || part.type === 'reasoning')
            return [{ type: part.type, text: part.text }];
          if (part.type !== 'tool-call') return [];
          const { type, toolCallId, toolName, input } = part;
          return [{ type, toolCallId, toolName, input }];
        }),
        ...older(finishReason, usage),
        warnings: warnings.map(olderWarning),
        ...(response && { response }),
      };
    },
    async doStream(options) {
      const { stream } = await model.doStream(newer(options));
      return { stream: stream.pipeThrough(olderParts()) };
    },
    dispose: () => model.dispose(),
  };
}

function newer(call: CallOptionsV2): CallOptions {
  const { prompt, tools, toolChoice, ...same } = call;
  const functions = tools?.flatMap((tool) => {
    if (tool.type !== 'function') return [];
    const { type, name, description, inputSchema } = tool;
    return [{ type, name, inputSchema, ...(description !== undefined && { description }) }];
  });
  return {
    ...same,
    prompt: prompt.map(newerMessage),
    ...(functions && { tools: functions }),
    ...(toolChoice && { toolChoice }),
  };
}

function newerMessage(message: MessageV2): Message {
  if (message.role === 'system') return { role: message.role, content: message.content };
  if (message.role === 'tool') return { role: message.role, content: message.content.map(newerResult) };
  if (message.role === 'user') return { role: message.role, content: message.content.map(newerPart) };
  return {
    role: message.role,
    content: message.content.flatMap((part): AssistantPart[] => {
      if (part.type === 'text' || part.type === 'file') return [newerPart(part)];
      if (part.type === 'reasoning') return [{ type: part.type, text: part.text }];
      if (part.type !== 'tool-call') return [];
      const { type, toolCallId, toolName, input } = part;
      return [{ type, toolCallId, toolName, input }];
    }),
  };
}

type ToolPartV2 = Extract<MessageV2, { readonly role: 'tool' }>['content'][number];
type ToolPart = Extract<Message, { readonly role: 'tool' }>['content'][number];

function newerResult({ type, toolCallId, toolName, output }: ToolPartV2): ToolPart {
  return { type, toolCallId, toolName, output: newerOutput(output) };
}

function newerOutput(
  output: ToolPartV2['output'],
): Extract<ToolPart, { readonly type: 'tool-result' }>['output'] {
  if (output.type === 'json' || output.type === 'error-json')
    return { type: output.type, value: output.value };
  if (output.type !== 'content') return { type: output.type, value: output.value };
  return {
    type: output.type,
    value: output.value.map((piece) =>
      piece.type === 'text'
        ? { type: piece.type, text: piece.text }
        : { type: 'file', mediaType: piece.mediaType, data: { type: 'data', data: piece.data } },
    ),
  };
}

type UserPartV2 = Extract<MessageV2, { readonly role: 'user' }>['content'][number];
type AssistantPart = Extract<Message, { readonly role: 'assistant' }>['content'][number];
type UserPart = Extract<Message, { readonly role: 'user' }>['content'][number];

function newerPart(part: UserPartV2): UserPart {
  if (part.type === 'text') return { type: part.type, text: part.text };
  const { type, mediaType, data } = part;
  return { type, mediaType, data: isUrl(data) ? { type: 'url', url: data } : { type: 'data', data } };
}

function older({ unified }: FinishReason, { inputTokens, outputTokens }: Usage) {
  const [input, output] = [inputTokens.total, outputTokens.total];
  return {
    finishReason: unified === 'interrupted' ? ('other' as const) : unified,
    usage: {
      inputTokens: input,
      outputTokens: output,
      totalTokens: input === undefined || output === undefined ? undefined : input + output,
      cachedInputTokens: inputTokens.cacheRead,
    },
  };
}

function olderWarning(warning: Warning): WarningV2 {
  if (warning.type !== 'unsupported') return { type: 'other', message: JSON.stringify(warning) };
  return { type: 'other', message: `${warning.feature}: ${warning.details ?? 'not supported'}` };
}

function olderParts(): TransformStream<StreamPart, StreamPartV2> {
  return new TransformStream({
    transform(part, controller) {
      switch (part.type) {
        case 'stream-start':
          return controller.enqueue({ type: part.type, warnings: part.warnings.map(olderWarning) });
        case 'finish': {
          const { type, finishReason, usage } = part;
          return controller.enqueue({ type, ...older(finishReason, usage) });
        }
        case 'text-start':
        case 'text-end':
        case 'reasoning-start':
        case 'reasoning-end':
          return controller.enqueue({ type: part.type, id: part.id });
        case 'text-delta':
        case 'reasoning-delta':
          return controller.enqueue({ type: part.type, id: part.id, delta: part.delta });
        case 'tool-input-start': {
          const { type, id, toolName } = part;
          return controller.enqueue({ type, id, toolName });
        }
        case 'tool-input-delta':
          return controller.enqueue({ type: part.type, id: part.id, delta: part.delta });
        case 'tool-input-end':
          return controller.enqueue({ type: part.type, id: part.id });
        case 'tool-call': {
          const { type, toolCallId, toolName, input } = part;
          return controller.enqueue({ type, toolCallId, toolName, input });
        }
        case 'response-metadata':
        case 'error':
          return controller.enqueue(part);
      }
    },
  });
}
