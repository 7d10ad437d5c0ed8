// The types of models of the AI SDK, taken from `ai` alone: whoever has that has them.
import type { EmbeddingModel, LanguageModel } from 'ai';

/** A model of the specification that `ai` 7 has. */
export type LanguageModelV4 = Extract<LanguageModel, { readonly specificationVersion: 'v4' }>;

/** The same of embedding models. */
export type EmbeddingModelV4 = Extract<EmbeddingModel, { readonly specificationVersion: 'v4' }>;

export type EmbedOptions = Parameters<EmbeddingModelV4['doEmbed']>[0];
export type EmbedResult = Awaited<ReturnType<EmbeddingModelV4['doEmbed']>>;
export type CallOptions = Parameters<LanguageModelV4['doStream']>[0];
export type GenerateResult = Awaited<ReturnType<LanguageModelV4['doGenerate']>>;
export type StreamResult = Awaited<ReturnType<LanguageModelV4['doStream']>>;
export type StreamPart = StreamResult['stream'] extends ReadableStream<infer Part> ? Part : never;
export type Content = GenerateResult['content'][number];
export type Warning = GenerateResult['warnings'][number];
export type Usage = GenerateResult['usage'];
export type FinishReason = GenerateResult['finishReason'];
export type Prompt = CallOptions['prompt'];
export type Message = Prompt[number];

/** Hears of what is left out. */
export type Warn = (feature: string, details: string) => void;

/** A model of the specification that `ai` 5 has, and later ones know. */
export type LanguageModelV2 = Extract<LanguageModel, { readonly specificationVersion: 'v2' }>;

type StreamV2 = Awaited<ReturnType<LanguageModelV2['doStream']>>['stream'];
export type StreamPartV2 = StreamV2 extends ReadableStream<infer Part> ? Part : never;
export type WarningV2 = Awaited<ReturnType<LanguageModelV2['doGenerate']>>['warnings'][number];
export type MessageV2 = Parameters<LanguageModelV2['doStream']>[0]['prompt'][number];
