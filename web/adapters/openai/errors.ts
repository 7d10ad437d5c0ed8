// Errors as OpenAI's API words them.
import { RwkvError, type RwkvErrorCode, sentence } from '../../shared/errors.js';

/** What the body of a failed request holds under `error`. */
export interface OpenAIErrorBody {
  readonly message: string;
  readonly type: 'invalid_request_error' | 'server_error';
  /** The parameter that is wrong. */
  readonly param: string | null;
  /** What is wrong with it, for programs: `'unknown_parameter'`, `'invalid_value'`, `'model_not_found'`... */
  readonly code: string | null;
}

/** An RwkvError that also is what OpenAI's API answers: `status` of HTTP, and `error` as its body. */
export class OpenAIError extends RwkvError {
  /** Of HTTP. */
  readonly status: number;
  /** The body. */
  readonly error: OpenAIErrorBody;

  constructor(
    status: number,
    error: OpenAIErrorBody,
    code: RwkvErrorCode = 'invalid-argument',
    options?: ErrorOptions,
  ) {
    super(code, error.message, options);
    this.status = status;
    this.error = error;
  }

  /** Whose fault it is. */
  get type(): OpenAIErrorBody['type'] {
    return this.error.type;
  }
  /** The parameter that is wrong. */
  get param(): string | null {
    return this.error.param;
  }
}

/** A request that is wrong: `param` names the parameter, as `messages[0].role`. */
export function invalidRequest(
  message: string,
  param: string | null = null,
  code: string | null = null,
  status = 400,
): OpenAIError {
  return new OpenAIError(status, { message, type: 'invalid_request_error', param, code });
}

/** Errors of the package that the request is to blame for. All others are the server's. */
const faultsOfRequests: readonly RwkvErrorCode[] = [
  'invalid-argument',
  'bad-vocabulary',
  'no-tokenizer',
  'unsupported',
];

/** Whatever was thrown while a request was answered, as OpenAI's API tells it. */
export function toOpenAIError(thrown: unknown): OpenAIError {
  if (thrown instanceof OpenAIError) return thrown;
  const options = { cause: thrown };
  if (!(thrown instanceof RwkvError)) {
    const message = `the request failed: ${sentence(thrown)}`;
    return new OpenAIError(500, serverError(message, null), 'worker-crashed', options);
  }
  const { code } = thrown;
  if (!faultsOfRequests.includes(code))
    return new OpenAIError(500, serverError(thrown.message, code.replaceAll('-', '_')), code, options);
  const [said = '', option] = /^option (\w+)/.exec(thrown.message) ?? [];
  const [field] = /^(messages|tools)[\w.[\]]*/.exec(thrown.message) ?? [];
  const param = option === undefined ? (field ?? null) : parameterOf(option);
  const message = option === undefined ? thrown.message : `'${param}'${thrown.message.slice(said.length)}`;
  const error = { message, type: 'invalid_request_error', param, code: 'invalid_value' } as const;
  return new OpenAIError(400, error, code, options);
}

function serverError(message: string, code: string | null): OpenAIErrorBody {
  return { message, type: 'server_error', param: null, code };
}

// topLogprobs -> top_logprobs
function parameterOf(option: string): string {
  if (option === 'jsonSchema' || option === 'grammar') return 'response_format';
  return option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
