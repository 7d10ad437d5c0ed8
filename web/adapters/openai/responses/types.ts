// The shapes of OpenAI's Responses API, as far as a local model has a use for them.
import type { TextPart } from '../conversation-types.js';
import type { ChatToken } from '../types.js';

/** A message of the conversation. */
export interface InputMessage {
  type?: 'message' | undefined;
  role: 'user' | 'assistant' | 'system' | 'developer';
  content: string | readonly TextPart[];
}

/** A call that an earlier response made. */
export interface InputCall {
  type: 'function_call';
  call_id: string;
  name: string;
  /** JSON. */
  arguments: string;
}

/** What a call gave. */
export interface InputCallOutput {
  type: 'function_call_output';
  call_id: string;
  output: string | readonly TextPart[];
}

/** What a conversation consists of; thoughts of earlier responses are not read again. */
export type InputItem = InputMessage | InputCall | InputCallOutput | { type: 'reasoning' };

/** A function that the model may call. */
export interface ResponseTool {
  type: 'function';
  /** 1 to 64 letters, digits, _ and -. */
  name: string;
  /** What it is for: the model reads it. */
  description?: string | null | undefined;
  /** JSON schema of its arguments, an object. Default: it takes none. */
  parameters?: object | null | undefined;
  /** Changes nothing: arguments always keep the schema. */
  strict?: boolean | null | undefined;
}

/** Whether the model may, must or must not call a tool, and which. */
export type ResponseToolChoice =
  | 'auto'
  | 'none'
  | 'required'
  | { type: 'function'; name: string }
  | {
      type: 'allowed_tools';
      mode: 'auto' | 'required';
      tools: readonly { type: 'function'; name: string }[];
    };

/** What the text must look like. */
export type ResponseTextFormat =
  | { type: 'text' }
  | { type: 'json_object' }
  | { type: 'json_schema'; name: string; schema: object };

/** What `responses.create` takes. A `null` is as if it were not there. */
export interface ResponseParams {
  /** Any name: the model is the one that was loaded, and the answer tells its name. */
  model?: string | null | undefined;
  /** What the user says, or the whole conversation: nothing is stored. */
  input: string | readonly InputItem[];
  /** A system text in front of it. */
  instructions?: string | null | undefined;
  /** At most so many tokens, thoughts too. Default 256. */
  max_output_tokens?: number | null | undefined;
  /** 0 to 2. Default 1. */
  temperature?: number | null | undefined;
  /** 0 to 1. Default 0.7. */
  top_p?: number | null | undefined;
  /** Not OpenAI's: the same seed gives the same response. */
  seed?: number | null | undefined;
  text?: { format?: ResponseTextFormat | null | undefined } | null | undefined;
  /** Functions that the model may call: at most 128. */
  tools?: readonly ResponseTool[] | null | undefined;
  tool_choice?: ResponseToolChoice | null | undefined;
  /** Whether it may call several, one after another. Default true. */
  parallel_tool_calls?: boolean | null | undefined;
  /** `'message.output_text.logprobs'` tells log probabilities; others change nothing. */
  include?: readonly string[] | null | undefined;
  /** 0 to 20; with `include`. */
  top_logprobs?: number | null | undefined;
  /** Told back. */
  metadata?: object | null | undefined;
  /** Changes nothing: nothing is stored. */
  store?: boolean | null | undefined;
  /** The response as it comes. Default false. */
  stream?: boolean | null | undefined;
}

/** Whether a response or an item has ended, and how. */
export type ResponseStatus = 'in_progress' | 'completed' | 'incomplete' | 'failed';

/** A token of a text. */
export type ResponseLogprob = ChatToken & { top_logprobs: ChatToken[] };

/** A text. */
export interface OutputText {
  type: 'output_text';
  text: string;
  annotations: never[];
  logprobs: ResponseLogprob[];
}

/** A part of a thought. */
export interface ReasoningText {
  type: 'reasoning_text';
  text: string;
}

/** What a response consists of: the thought of a G1 model, text, and calls. */
export type OutputItem =
  | { type: 'reasoning'; id: string; status: ResponseStatus; summary: never[]; content: ReasoningText[] }
  | { type: 'message'; id: string; status: ResponseStatus; role: 'assistant'; content: OutputText[] }
  | {
      type: 'function_call';
      id: string;
      status: ResponseStatus;
      call_id: string;
      name: string;
      arguments: string;
    };

/** How many tokens a response took. */
export interface ResponseUsage {
  input_tokens: number;
  /** Tokens of the prompt that had been read before, for another request. */
  input_tokens_details: { cached_tokens: number };
  output_tokens: number;
  /** Which tokens are thoughts is not counted. */
  output_tokens_details: { reasoning_tokens: number };
  total_tokens: number;
}

/** What `responses.create` answers. */
export interface ModelResponse {
  id: string;
  object: 'response';
  /** Seconds since 1970. */
  created_at: number;
  status: ResponseStatus;
  /** What failed. */
  error: { code: string; message: string } | null;
  incomplete_details: { reason: 'max_output_tokens' } | null;
  model: string;
  output: OutputItem[];
  /** All text of `output`. */
  output_text: string;
  usage: ResponseUsage | null;
  instructions: string | null;
  max_output_tokens: number | null;
  metadata: object;
  parallel_tool_calls: boolean;
  previous_response_id: null;
  store: false;
  temperature: number | null;
  text: { format: object };
  tool_choice: unknown;
  tools: readonly object[];
  top_p: number | null;
  truncation: 'disabled';
}

/** Which item an event is of. */
export interface OfItem {
  item_id: string;
  output_index: number;
}
/** Which part of an item an event is of. */
export interface OfPart extends OfItem {
  content_index: number;
}

/** What an event tells, less its number. */
export type EventBody =
  | {
      type: `response.${'created' | 'in_progress' | 'completed' | 'incomplete' | 'failed'}`;
      response: ModelResponse;
    }
  | { type: `response.output_item.${'added' | 'done'}`; output_index: number; item: OutputItem }
  | (OfPart & { type: `response.content_part.${'added' | 'done'}`; part: OutputText | ReasoningText })
  | (OfPart & { type: 'response.output_text.delta'; delta: string; logprobs: ResponseLogprob[] })
  | (OfPart & { type: 'response.output_text.done'; text: string; logprobs: ResponseLogprob[] })
  | (OfPart & { type: 'response.reasoning_text.delta'; delta: string })
  | (OfPart & { type: 'response.reasoning_text.done'; text: string })
  | (OfItem & { type: 'response.function_call_arguments.delta'; delta: string })
  | (OfItem & { type: 'response.function_call_arguments.done'; name: string; arguments: string });

/** What a stream of `responses.create` consists of, numbered from 0. */
export type ResponseEvent = EventBody & { sequence_number: number };
