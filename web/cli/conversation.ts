// A conversation as the chat command holds one: in a recurrent state, so its memory does not grow with its length.
import type { ChatFormat, ChatMessage, GenerateOptions, Model, Session } from '../api.js';
import { RwkvError } from '../shared/errors.js';
import { writeWhole } from './files.js';

/** The undo history: so many turns can be taken back. Each is kept as a state of some megabytes at most. */
const mostPast = 16;

/** How a conversation is held. */
export interface Manner {
  /** Undefined: what is said is continued as it stands, for models that know no conversations. */
  readonly format: ChatFormat | undefined;
  /** What the model is told before the first message. */
  readonly system: string | undefined;
  readonly options: GenerateOptions;
}

interface Point {
  readonly session: Session;
  /** Whether anything was said. */
  readonly isBegun: boolean;
}

export class Conversation {
  readonly #model: Model;
  readonly #manner: Manner;
  readonly #past: Point[] = [];
  #now: Point;

  private constructor(model: Model, manner: Manner, now: Point) {
    this.#model = model;
    this.#manner = manner;
    this.#now = now;
  }

  /** Begins one, or goes on with what `save` wrote to the file `state`. Throws as `model.createSession`. */
  static async begin(model: Model, manner: Manner, state: string | undefined): Promise<Conversation> {
    const session = await model.createSession({ seed: manner.options.seed, state });
    return new Conversation(model, manner, { session, isBegun: state !== undefined });
  }

  /** Says something; the reply comes in pieces. Throws as `session.chat`; what was refused has changed nothing. */
  async *say(content: string, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const { format, system, options } = this.#manner;
    const { session, isBegun } = this.#now;
    const { seed: _, ...sampling } = options; // chance goes on from turn to turn
    const fork = await session.fork();
    let hasBegun = false;
    try {
      if (format === undefined) yield* session.complete(content, { ...sampling, signal });
      else {
        const messages: ChatMessage[] = [{ role: 'user', content }];
        if (system !== undefined && !isBegun) messages.unshift({ role: 'system', content: system });
        yield* session.chat(messages, { ...sampling, ...format, signal });
      }
      hasBegun = true;
    } finally {
      if (hasBegun || signal.aborted) {
        this.#remember({ session: fork, isBegun });
        this.#now = { session, isBegun: true };
      } else {
        await session.dispose();
        this.#now = { session: fork, isBegun };
      }
    }
  }

  /** Forgets all that was said. */
  async reset(): Promise<void> {
    this.#remember(this.#now);
    this.#now = { session: await this.#model.createSession(), isBegun: false };
  }

  /** Goes back to before the last message, `reset` or `load`. @throws RwkvError `invalid-argument` */
  async rewind(): Promise<void> {
    const before = this.#past.pop();
    if (!before) throw new RwkvError('invalid-argument', '/rewind: there is nothing to take back');
    await this.#now.session.dispose();
    this.#now = before;
  }

  async save(file: string): Promise<void> {
    if (!this.#now.isBegun) throw new RwkvError('invalid-argument', '/save: nothing was said yet');
    await writeWhole(file, await this.#now.session.save());
  }

  /** Goes on with what `save` wrote. Throws as `model.createSession`; the conversation is then as it was. */
  async load(file: string): Promise<void> {
    const session = await this.#model.createSession({ state: file });
    this.#remember(this.#now);
    this.#now = { session, isBegun: true };
  }

  #remember(point: Point): void {
    this.#past.push(point);
    if (this.#past.length > mostPast) void this.#past.shift()?.session.dispose();
  }
}
