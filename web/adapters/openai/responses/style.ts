// What happens on the model -> a response, whole or event by event.
import type { OpenAIError } from '../errors.js';
import { randomId } from '../ids.js';
import { type Choice, chatTokens, type ReplyHead, type Style } from '../replies.js';
import type { Happening } from '../run.js';
import type { Usage } from '../types.js';
import type { Echo } from './requests.js';
import type {
  EventBody,
  ModelResponse,
  OutputItem,
  ResponseEvent,
  ResponseStatus,
  ResponseUsage,
} from './types.js';

/** How the response to one request looks. */
export function responseStyle(echo: Echo): Style<ModelResponse, ResponseEvent> {
  let writer: ResponseWriter | undefined;
  return {
    prefix: 'resp_',
    chunks(head) {
      const begun = new ResponseWriter(head, echo);
      writer = begun;
      return (happening) => begun.write(happening);
    },
    withUsage: (event) => event,
    failed: (error) => writer?.fail(error) ?? [],
    whole(head, [choice], usage) {
      const writer = new ResponseWriter(head, echo);
      for (const happening of happeningsOf(choice, usage)) writer.write(happening);
      return writer.response;
    },
  };
}

function* happeningsOf(choice: Choice | undefined, usage: Usage): Generator<Happening> {
  const { text = '', thinking = '', tokens = [], calls = [], reason = 'stop' } = choice ?? {};
  const of = { choice: 0 } as const;
  if (thinking !== '') yield { ...of, kind: 'text', text: '', thinking, tokens: [] };
  if (text !== '') yield { ...of, kind: 'text', text, thinking: '', tokens };
  for (const [call, { function: called }] of calls.entries()) {
    yield { ...of, kind: 'call', call, name: called.name };
    yield { ...of, kind: 'arguments', call, text: called.arguments };
  }
  yield { ...of, kind: 'end', reason, tokens: 0 };
  yield { kind: 'usage', usage };
}

/** Writes a response; tells in events what it has written. */
class ResponseWriter {
  readonly response: ModelResponse;
  #events: ResponseEvent[] = [];
  #number = 0;

  constructor({ id, created, model }: ReplyHead, echo: Echo) {
    this.response = {
      ...{ id, object: 'response', created_at: created, status: 'in_progress', error: null },
      ...{ incomplete_details: null, model, output: [], output_text: '', usage: null, ...echo },
      ...{ previous_response_id: null, store: false, truncation: 'disabled' },
    };
  }

  write(happening: Happening): ResponseEvent[] {
    this.#begin();
    if (happening.kind === 'text') {
      const { thinking, text, tokens } = happening;
      if (thinking !== '') this.#think(thinking);
      if (text !== '') this.#say(text, chatTokens(tokens));
    } else if (happening.kind === 'call') this.#call(happening.name);
    else if (happening.kind === 'arguments') this.#argue(happening.text);
    else if (happening.kind === 'end') {
      if (this.response.output.length === 0) this.#open(newMessage());
      this.#close(happening.reason === 'length' ? 'incomplete' : 'completed');
    } else this.#end(usageOf(happening.usage));
    return this.#told();
  }

  fail({ message, error }: OpenAIError): ResponseEvent[] {
    this.#begin();
    this.#close('incomplete');
    const failure = { code: error.code ?? error.type, message };
    Object.assign(this.response, { status: 'failed', incomplete_details: null, error: failure });
    this.#tell({ type: 'response.failed', response: this.#copy() });
    return this.#told();
  }

  #begin(): void {
    if (this.#number > 0) return;
    this.#tell({ type: 'response.created', response: this.#copy() });
    this.#tell({ type: 'response.in_progress', response: this.#copy() });
  }

  #end(usage: ResponseUsage): void {
    const { output, incomplete_details } = this.response;
    const texts = output.flatMap((item) => (item.type === 'message' ? item.content : []));
    const status = incomplete_details ? 'incomplete' : 'completed';
    Object.assign(this.response, { status, usage, output_text: texts.map(({ text }) => text).join('') });
    this.#tell({ type: `response.${status}`, response: this.#copy() });
  }

  #think(delta: string): void {
    const item =
      this.#last('reasoning') ??
      this.#open({ type: 'reasoning', id: newId('rs_'), ...begun, summary: [], content: [] });
    const part = item.content[0];
    if (part) part.text += delta;
    this.#tell({ type: 'response.reasoning_text.delta', ...this.#part(item), delta });
  }

  #say(delta: string, logprobs: ReturnType<typeof chatTokens>): void {
    const item = this.#last('message') ?? this.#open(newMessage());
    const part = item.content[0];
    if (part) part.text += delta;
    part?.logprobs.push(...logprobs);
    this.#tell({ type: 'response.output_text.delta', ...this.#part(item), delta, logprobs });
  }

  #call(name: string): void {
    this.#open({
      type: 'function_call',
      id: newId('fc_'),
      ...begun,
      call_id: newId('call_'),
      name,
      arguments: '',
    });
  }

  #argue(delta: string): void {
    const item = this.#last('function_call');
    if (!item) return;
    item.arguments += delta;
    this.#tell({ type: 'response.function_call_arguments.delta', ...this.#item(item), delta });
  }

  /** The item that is being written, if it is of this type. */
  #last<Type extends OutputItem['type']>(type: Type) {
    const last = this.response.output.at(-1);
    return last && isOf(last, type) && last.status === 'in_progress' ? last : undefined;
  }

  #open<Item extends OutputItem>(item: Item): Item {
    this.#close('completed');
    this.response.output.push(item);
    this.#tell({
      type: 'response.output_item.added',
      output_index: this.#index,
      item: structuredClone(item),
    });
    if (item.type === 'message')
      item.content.push({ type: 'output_text', text: '', annotations: [], logprobs: [] });
    if (item.type === 'reasoning') item.content.push({ type: 'reasoning_text', text: '' });
    const part = partOf(item);
    if (part) this.#tell({ type: 'response.content_part.added', ...this.#part(item), part });
    return item;
  }

  #close(status: ResponseStatus): void {
    const item = this.response.output.at(-1);
    if (status === 'incomplete') this.response.incomplete_details = { reason: 'max_output_tokens' };
    if (item?.status !== 'in_progress') return;
    item.status = status;
    const part = partOf(item);
    if (item.type === 'function_call') {
      const { name, arguments: given } = item;
      this.#tell({
        type: 'response.function_call_arguments.done',
        ...this.#item(item),
        name,
        arguments: given,
      });
    }
    if (part?.type === 'reasoning_text')
      this.#tell({ type: 'response.reasoning_text.done', ...this.#part(item), text: part.text });
    if (part?.type === 'output_text') {
      const { text, logprobs } = part;
      this.#tell({ type: 'response.output_text.done', ...this.#part(item), text, logprobs });
    }
    if (part) this.#tell({ type: 'response.content_part.done', ...this.#part(item), part });
    this.#tell({ type: 'response.output_item.done', output_index: this.#index, item: structuredClone(item) });
  }

  get #index(): number {
    return this.response.output.length - 1;
  }
  #item({ id }: OutputItem) {
    return { item_id: id, output_index: this.#index };
  }
  #part(item: OutputItem) {
    return { ...this.#item(item), content_index: 0 };
  }
  // Events are snapshots: what comes later does not change them.
  #copy(): ModelResponse {
    return structuredClone(this.response);
  }
  #tell(body: EventBody): void {
    this.#events.push({ ...body, sequence_number: this.#number++ });
  }
  #told(): ResponseEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}

const begun = { status: 'in_progress' } as const;
const newId = (prefix: string) => prefix + randomId();

function newMessage(): Extract<OutputItem, { type: 'message' }> {
  return { type: 'message', id: newId('msg_'), ...begun, role: 'assistant', content: [] };
}

function isOf<Type extends OutputItem['type']>(
  item: OutputItem,
  type: Type,
): item is Extract<OutputItem, { type: Type }> {
  return item.type === type;
}

/** A copy of the one part that an item has. */
function partOf(item: OutputItem) {
  return item.type === 'function_call' ? undefined : structuredClone(item.content[0]);
}

function usageOf({
  prompt_tokens,
  completion_tokens,
  total_tokens,
  prompt_tokens_details,
}: Usage): ResponseUsage {
  return {
    input_tokens: prompt_tokens,
    input_tokens_details: prompt_tokens_details,
    output_tokens: completion_tokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens,
  };
}
