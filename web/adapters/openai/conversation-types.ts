// The shapes of conversations and tools of OpenAI's API.

/** A part of a message; texts are all that RWKV models read. */
export type TextPart =
  | { type: 'text' | 'input_text' | 'output_text'; text: string }
  | { type: 'refusal'; refusal: string };

/** Parts that OpenAI's own types have besides: where one is said, the request is refused and names it. */
export interface OtherPart {
  type: 'image_url' | 'input_audio' | 'file' | 'custom';
}

/** What a message says: a null is nothing. */
export type OpenAIContent = string | readonly (TextPart | OtherPart)[] | null;

/** One message of a conversation. `'developer'` is read as `'system'`. */
export type OpenAIMessage = {
  /** Not read. */
  name?: string | null | undefined;
} & (
  | { role: 'system' | 'developer' | 'user'; content: OpenAIContent }
  | {
      role: 'assistant';
      content?: OpenAIContent | undefined;
      refusal?: string | null | undefined;
      /** Not read again: models are trained without earlier thoughts. */
      reasoning_content?: string | null | undefined;
      tool_calls?: readonly (OpenAIToolCall | OtherPart)[] | null | undefined;
      /** The older form of `tool_calls`. */
      function_call?: { name: string; arguments: string } | null | undefined;
    }
  /** What a call gave; `'function'` is the older name of the role. */
  | { role: 'tool' | 'function'; content: OpenAIContent; tool_call_id?: string | null | undefined }
);

/** A function that the model may call. */
export interface OpenAITool {
  type: 'function';
  function: {
    /** 1 to 64 letters, digits, _ and -. */
    name: string;
    /** What it is for: the model reads it. */
    description?: string | null | undefined;
    /** JSON schema of its arguments, an object. Default: it takes none. */
    parameters?: object | null | undefined;
    /** Changes nothing: arguments always keep the schema. */
    strict?: boolean | null | undefined;
  };
}

/** Whether the model may, must or must not call a tool, and which; allowed ones are `NamedTool`s, which OpenAI's types do not say. */
export type OpenAIToolChoice =
  | 'auto'
  | 'none'
  | 'required'
  | NamedTool
  | { type: 'allowed_tools'; allowed_tools: { mode: 'auto' | 'required'; tools: readonly object[] } };

/** A tool by its name. */
export interface NamedTool {
  type: 'function';
  function: { name: string };
}

/** A call of a tool. */
export interface OpenAIToolCall {
  /** What the answer to it names it by. */
  id: string;
  type: 'function';
  /** `arguments` are JSON. */
  function: { name: string; arguments: string };
}

/** What a chunk adds to a call of a tool. */
export interface OpenAIToolCallDelta {
  /** Which of the calls. */
  index: number;
  id?: string;
  type?: 'function';
  function: { name?: string; arguments: string };
}
