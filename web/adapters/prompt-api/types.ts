// The shapes of the Prompt API (webmachinelearning.github.io/prompt-api), as far as a text model has a use for them.

/** Whether a model is there, or what must come first. */
export type Availability = 'unavailable' | 'downloadable' | 'downloading' | 'available';

/** Who speaks. */
export type LanguageModelMessageRole = 'system' | 'user' | 'assistant';

/** A part of a message. Others than texts are refused with `NotSupportedError`. */
export interface LanguageModelMessageContent {
  readonly type: 'text' | 'image' | 'audio' | 'tool-call' | 'tool-response';
  readonly value: unknown;
}

/** One message of a conversation. */
export interface LanguageModelMessage {
  readonly role: LanguageModelMessageRole;
  readonly content: string | readonly LanguageModelMessageContent[];
  /** Of a last message of the assistant: its reply goes on from there. */
  readonly prefix?: boolean | undefined;
}

/** A text is a message of the user. */
export type LanguageModelPrompt = string | readonly LanguageModelMessage[];

/** What goes in or comes out. Only `'text'` does. */
export interface LanguageModelExpected {
  readonly type: LanguageModelMessageContent['type'];
  /** BCP 47 tags. They are checked, and change nothing. */
  readonly languages?: readonly string[] | undefined;
}

/** How adventurous replies are: presets of temperature, topP and penalties. */
export type LanguageModelSamplingMode =
  | 'most-predictable'
  | 'predictable'
  | 'slightly-predictable'
  | 'balanced'
  | 'slightly-creative'
  | 'creative'
  | 'most-creative';

/** What `availability` asks after, and `create` too. */
export interface LanguageModelCreateCoreOptions {
  /** 1 and up; more than `maxTopK` is `maxTopK`, which is no limit. */
  readonly topK?: number | undefined;
  /** 0 and up; more than `maxTemperature` is `maxTemperature`. */
  readonly temperature?: number | undefined;
  /** Default `'balanced'`; not together with topK or temperature. */
  readonly samplingMode?: LanguageModelSamplingMode | undefined;
  readonly expectedInputs?: readonly LanguageModelExpected[] | undefined;
  readonly expectedOutputs?: readonly LanguageModelExpected[] | undefined;
  /** Not supported: anything but an empty list is refused. */
  readonly tools?: readonly object[] | undefined;
}

/** What `create` takes. */
export interface LanguageModelCreateOptions extends LanguageModelCreateCoreOptions {
  /** Ends the creation, and later the session. */
  readonly signal?: AbortSignal | undefined;
  /** Gets an EventTarget that fires `downloadprogress`. */
  readonly monitor?: ((monitor: CreateMonitor) => void) | undefined;
  /** What the session has read before its first prompt. */
  readonly initialPrompts?: readonly LanguageModelMessage[] | undefined;
}

/** What `prompt` takes. */
export interface LanguageModelPromptOptions {
  /** A JSON schema, or a regular expression, that the reply must keep. */
  readonly responseConstraint?: object | undefined;
  /** Nothing is ever put into the prompt for a constraint, so this changes nothing. */
  readonly omitResponseConstraintInput?: boolean | undefined;
  /** Ends the reply. The session is then as if it had not been prompted. */
  readonly signal?: AbortSignal | undefined;
}

/** What ends a call. */
export interface LanguageModelSignalOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What `topK` and `temperature` are where `create` does not get them, and their limits. */
export interface LanguageModelParams {
  readonly defaultTopK: number;
  readonly maxTopK: number;
  readonly defaultTemperature: number;
  readonly maxTemperature: number;
}

// Taken from EventTarget, for not all hosts name them.
type Listener = Parameters<EventTarget['addEventListener']>[1];
type ListenerObject = Exclude<Listener, (event: Event) => void>;
type ListenerOptions = Parameters<EventTarget['addEventListener']>[2];

/** What `monitor` gets. */
export interface CreateMonitor extends EventTarget {
  /** Hears `downloadprogress`. */
  ondownloadprogress: ((event: DownloadProgressEvent) => void) | null;
  addEventListener(
    type: 'downloadprogress',
    listener: ((event: DownloadProgressEvent) => void) | ListenerObject,
    options?: ListenerOptions,
  ): void;
  addEventListener(type: string, listener: Listener, options?: ListenerOptions): void;
}

/** As a ProgressEvent: `loaded` from 0 to 1, `total` always 1. */
export interface DownloadProgressEvent extends Event {
  readonly loaded: number;
  readonly total: number;
  readonly lengthComputable: boolean;
}

/** A session, as `LanguageModel.create` of a browser gives it. */
export interface LanguageModelSession extends EventTarget {
  /**
   * @throws DOMException `NotSupportedError` for anything but text and for constraints that cannot be kept, `SyntaxError` where
   * the reply does not keep its constraint to the end or `prefix` is misplaced, `InvalidStateError` after `destroy`,
   * `AbortError` or the reason of `signal`; TypeError for what is no prompt and for a system text that is not the first
   */
  prompt(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): Promise<string>;
  /** As `prompt`, piece by piece. Cancelling the stream ends the reply. */
  promptStreaming(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): ReadableStream<string>;
  /** Reads without replying. */
  append(input: LanguageModelPrompt, options?: LanguageModelSignalOptions): Promise<undefined>;
  /** How many tokens it would read, the beginning of the reply included. */
  measureContextUsage(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): Promise<number>;
  /** How many tokens the session has read and generated. */
  readonly contextUsage: number;
  /** Infinity: a recurrent model forgets little by little and never overflows. */
  readonly contextWindow: number;
  /** Never called. */
  oncontextoverflow: ((event: Event) => void) | null;
  /** The older name of `measureContextUsage`. */
  measureInputUsage(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): Promise<number>;
  /** The older name of `contextUsage`. */
  readonly inputUsage: number;
  /** The older name of `contextWindow`. */
  readonly inputQuota: number;
  /** Never called. */
  onquotaoverflow: ((event: Event) => void) | null;
  readonly topK: number;
  readonly temperature: number;
  /** `null` where topK or temperature were chosen. */
  readonly samplingMode: LanguageModelSamplingMode | null;
  /** A session that goes on from here by itself. */
  clone(options?: LanguageModelSignalOptions): Promise<LanguageModelSession>;
  /** Gives the session back. Calls under way reject with `AbortError`. */
  destroy(): undefined;
}

/** What stands in for the global `LanguageModel` of a browser that has it. */
export interface LanguageModelFactory {
  /** `'unavailable'` for anything but text; else whether the model is there or must be fetched. */
  availability(options?: LanguageModelCreateCoreOptions): Promise<Availability>;
  /**
   * Loads the model, if it is not there, and starts a session.
   *
   * @throws DOMException `NotSupportedError` for anything but text, `NetworkError` where the model cannot be fetched,
   * `OperationError` where it cannot be loaded, `AbortError` or the reason of `signal`; TypeError and RangeError for options
   */
  create(options?: LanguageModelCreateOptions): Promise<LanguageModelSession>;
  /** The sampling that sessions start from. */
  params(): Promise<LanguageModelParams | null>;
  /** Not the API's: ends the worker of a model that was loaded here; one that was passed stays. */
  dispose(): Promise<void>;
  /** Whether a value is one of its sessions. */
  [Symbol.hasInstance](value: unknown): boolean;
}
