// The shapes of OpenAI's API, as far as a local model has a use for them.
import type {
  OpenAIMessage,
  OpenAITool,
  OpenAIToolCall,
  OpenAIToolCallDelta,
  OpenAIToolChoice,
  OtherPart,
} from './conversation-types.js';

/** How many tokens a request took. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  /** Tokens of the prompt that had been read before, for another request. */
  prompt_tokens_details: { cached_tokens: number };
}

/**
 * Why a text ended: `'stop'` at a stop text or where the model ended it, `'length'` after the most tokens it may have, `'tool_calls'`
 * where it called a tool.
 */
export type OpenAIFinishReason = 'stop' | 'length' | 'tool_calls';

/** What `chat.completions.create` and `completions.create` have in common. A `null` is as if it were not there. */
export interface CommonParams {
  /** Any name: the model is the one that was loaded, and the answer tells its name. */
  model?: string | null | undefined;
  /** 0 to 100. Default 1. */
  temperature?: number | null | undefined;
  /** 0 to 1. Default 0.7. */
  top_p?: number | null | undefined;
  /** -100 to 100. Default 0. */
  presence_penalty?: number | null | undefined;
  /** -100 to 100. Default 0. */
  frequency_penalty?: number | null | undefined;
  /** The text ends before any of these texts: one, or up to 64. Empty ones are passed over. */
  stop?: string | readonly string[] | null | undefined;
  /** The same seed gives the same text. Choice i of several begins from seed + i. Default, and -1: a random one. */
  seed?: number | null | undefined;
  /** Added to the logits of tokens, by their ids: -100 to 100. */
  logit_bias?: Readonly<Record<string, number>> | null | undefined;
  /** How many texts for each prompt: 1 to 128. The prompt is read once. Default 1. */
  n?: number | null | undefined;
  /** The text as it comes. Default false. */
  stream?: boolean | null | undefined;
  stream_options?: { include_usage?: boolean | null | undefined } | null | undefined;
  /** Not OpenAI's: as the options topK, minP, typicalP and penaltyDecay of `session.complete`; a `top_k` of -1: no such limit. */
  top_k?: number | null | undefined;
  min_p?: number | null | undefined;
  typical_p?: number | null | undefined;
  penalty_decay?: number | null | undefined;
  /** Not read. */
  user?: string | null | undefined;
}

/** What the reply must look like. */
export type ResponseFormat =
  | { type: 'text' }
  /** Some JSON object. */
  | { type: 'json_object' }
  /** JSON that a schema describes. */
  | { type: 'json_schema'; json_schema: { name: string; schema?: object | undefined } };

/** What `chat.completions.create` takes. */
export interface ChatCompletionParams extends CommonParams {
  messages: readonly OpenAIMessage[];
  /** At most so many tokens; -1: no such limit. Default 256. */
  max_completion_tokens?: number | null | undefined;
  /** The older name of `max_completion_tokens`. */
  max_tokens?: number | null | undefined;
  logprobs?: boolean | null | undefined;
  /** 0 to 20; with `logprobs`. */
  top_logprobs?: number | null | undefined;
  response_format?: ResponseFormat | null | undefined;
  /** Functions that the model may call: at most 128. */
  tools?: readonly (OpenAITool | OtherPart)[] | null | undefined;
  /** Whether it may (`'auto'`, the default), must (`'required'`, or one by name) or must not (`'none'`) call one. */
  tool_choice?: OpenAIToolChoice | OtherPart | null | undefined;
  /** Whether it may call several, one after another. Default true. */
  parallel_tool_calls?: boolean | null | undefined;
}

/** What `completions.create` takes. */
export interface CompletionParams extends CommonParams {
  /** A text, token ids, or several of either: each is continued. */
  prompt: string | readonly string[] | readonly number[] | readonly (readonly number[])[];
  /** At most so many tokens; 0 with `echo` only tells the prompt; -1: no such limit. Default 256. */
  max_tokens?: number | null | undefined;
  /** Tells log probabilities, and so many of the likeliest tokens in each place: 0 to 20. */
  logprobs?: number | null | undefined;
  /** Begins the text with the prompt, log probabilities too: token ids are scored as they are, each after those before it. Default false. */
  echo?: boolean | null | undefined;
}

/** A token of a chat's reply. Where it is no whole characters, `token` spells its bytes: `\\xe2\\x80`. */
export interface ChatToken {
  token: string;
  logprob: number;
  bytes: number[];
}

/** Log probabilities of a chat's reply, token by token. */
export interface ChatLogprobs {
  content: (ChatToken & { top_logprobs: ChatToken[] })[] | null;
  refusal: null;
}

/**
 * Log probabilities of a completion: lists of one entry a token, `null` where there is none: the first of an echo comes after nothing.
 * Tokens that are no whole characters are spelled by their bytes: `bytes:\xe2\x80`.
 */
export interface CompletionLogprobs {
  tokens: string[];
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
  /** Where each token begins in the text, in characters (code points): how many there are before the one that it begins in. */
  text_offset: number[];
}

interface Head<Kind extends string> {
  id: string;
  object: Kind;
  /** Seconds since 1970. */
  created: number;
  model: string;
  /** Changes with whatever may change the text of a seed. */
  system_fingerprint: string;
}

/** What `chat.completions.create` answers. */
export interface ChatCompletion extends Head<'chat.completion'> {
  choices: {
    index: number;
    message: {
      role: 'assistant';
      /** `null` where it only calls tools. */
      content: string | null;
      refusal: null;
      /** What a G1 model thought before. */
      reasoning_content?: string;
      tool_calls?: OpenAIToolCall[];
    };
    logprobs: ChatLogprobs | null;
    finish_reason: OpenAIFinishReason;
  }[];
  usage: Usage;
}

/** What a stream of `chat.completions.create` consists of: each adds to the replies. */
export interface ChatCompletionChunk extends Head<'chat.completion.chunk'> {
  choices: {
    index: number;
    delta: {
      role?: 'assistant';
      content?: string | null;
      refusal?: null;
      /** What a G1 model thinks before. */
      reasoning_content?: string;
      /** The first of a call has its id and its name, the others add to its arguments. */
      tool_calls?: OpenAIToolCallDelta[];
    };
    logprobs: ChatLogprobs | null;
    finish_reason: OpenAIFinishReason | null;
  }[];
  /** With `include_usage`: `null` but in the last chunk, which has no choices. */
  usage?: Usage | null;
}

/** What `completions.create` answers. */
export interface TextCompletion extends Head<'text_completion'> {
  choices: {
    index: number;
    text: string;
    logprobs: CompletionLogprobs | null;
    finish_reason: OpenAIFinishReason;
  }[];
  usage: Usage;
}

/** What a stream of `completions.create` consists of: each adds to the texts. */
export interface TextCompletionChunk extends Head<'text_completion'> {
  choices: {
    index: number;
    text: string;
    logprobs: CompletionLogprobs | null;
    finish_reason: OpenAIFinishReason | null;
  }[];
  /** With `include_usage`: `null` but in the last chunk, which has no choices. */
  usage?: Usage | null;
}

/** What `embeddings.create` takes. */
export interface EmbeddingParams {
  /** A text, token ids, or several of either, none of them empty. */
  input: string | readonly string[] | readonly number[] | readonly (readonly number[])[];
  /** Any name, as for `completions.create`. */
  model?: string | null | undefined;
  /** Lists of numbers, or 32-bit floats, little-endian, in base64. Default `'float'`. */
  encoding_format?: 'float' | 'base64' | null | undefined;
  /** How many numbers: the model's channels, and nothing else. */
  dimensions?: number | null | undefined;
  /** Not read. */
  user?: string | null | undefined;
}

/** What `embeddings.create` answers. */
export interface EmbeddingList {
  object: 'list';
  data: {
    object: 'embedding';
    /** Which of the inputs it is of. */
    index: number;
    /** As `model.embed` gives it, but of length 1. */
    embedding: number[] | string;
  }[];
  model: string;
  usage: { prompt_tokens: number; total_tokens: number };
}

/** The model, as `models.retrieve` tells it. */
export interface OpenAIModel {
  id: string;
  object: 'model';
  /** When the client was made, in seconds since 1970. */
  created: number;
  owned_by: string;
}

/** What `models.list` answers: the one model that there is. */
export interface OpenAIModelList {
  object: 'list';
  data: OpenAIModel[];
}
