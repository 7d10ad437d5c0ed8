// What a model is taught from: texts of several kinds, as the worker takes them.
import { unexpected } from '../../shared/errors.js';
import type { DocumentPart } from '../../shared/protocol.js';
import type { ModelInfo } from '../../shared/types.js';
import { wellFormed } from '../../shared/well-formed.js';
import { lessonOf } from '../chat/lesson.js';
import { checkMessages } from '../chat/messages.js';
import { type ChatTemplate, chatTemplateFor } from '../chat/template.js';
import { Transcript } from '../chat/transcript.js';
import { checkTokens } from '../options.js';
import { requireTokenizer } from '../session.js';
import type { TuneTexts } from './options.js';
import { checkText, type Said, saidIn } from './said.js';

/** A text as the worker takes it. */
export interface Document {
  /** What messages call it. */
  readonly name: string;
  readonly parts: readonly DocumentPart[];
  readonly isValidation: boolean;
}

/** Reads texts for a model. */
export class TextReader {
  readonly #info: ModelInfo;
  readonly #transcript: Transcript;

  constructor(info: ModelInfo, template: ChatTemplate = chatTemplateFor(info)) {
    this.#info = info;
    this.#transcript = new Transcript({ template });
  }

  /**
   * Texts to learn from, and those that are held out: `validation` itself, or so large a share.
   *
   * @throws RwkvError `invalid-argument` naming the text and what of it, `no-tokenizer`
   */
  async *documents(
    texts: TuneTexts,
    validation: number | TuneTexts,
  ): AsyncGenerator<Document, void, undefined> {
    if (typeof validation === 'number' && validation > 0) {
      yield* this.#shared(texts, validation);
      return;
    }
    for await (const text of saidIn(texts, 'texts')) yield this.#document(text, false);
    if (typeof validation === 'number') return;
    for await (const text of saidIn(validation, 'option validation')) yield this.#document(text, true);
  }

  // Every so-many-th is held out; where they are too few for that the last, and of a single one its end.
  async *#shared(texts: TuneTexts, share: number): AsyncGenerator<Document, void, undefined> {
    let count = 0;
    let held = 0;
    let last: Said | undefined;
    const document = (text: Said, isLast: boolean): Document => {
      const isValidation = Math.floor(++count * share) > held || (isLast && held === 0);
      if (isValidation) held++;
      return this.#document(text, isValidation);
    };
    for await (const text of saidIn(texts, 'texts')) {
      if (last) yield document(last, false);
      last = text;
    }
    if (last && count > 0) yield document(last, true);
    else if (last) yield* this.#divided(last, share);
  }

  *#divided(said: Said, share: number): Generator<Document, void, undefined> {
    let halves: readonly Said[] = [];
    if (said.kind === 'text') {
      const text = this.#text(said.text, said.name);
      const at = borderIn(text, Math.ceil(text.length * (1 - share)));
      halves = [text.slice(0, at), text.slice(at)].map((text) => ({ ...said, text }));
    } else if (said.kind === 'ids') {
      const ids = checkTokens(said.name, said.ids, this.#info.vocabulary);
      const at = Math.ceil(ids.length * (1 - share));
      halves = [ids.slice(0, at), ids.slice(at)].map((ids) => ({ ...said, ids }));
    } else {
      const what = 'more than one conversation or completion where a share of them is held out';
      throw unexpected(`option validation`, what, 'one');
    }
    const { name } = said;
    const [head = [], tail = []] = halves.map((half) => this.#parts(half));
    yield { name, parts: said.kind === 'text' ? head.slice(0, -1) : head, isValidation: false }; // the text goes on
    yield { name, parts: tail, isValidation: true };
  }

  #document(said: Said, isValidation: boolean): Document {
    return { name: said.name, parts: this.#parts(said), isValidation };
  }

  #parts(said: Said): DocumentPart[] {
    const { name } = said;
    switch (said.kind) {
      case 'text':
        return [endOfText(false), learned(this.#text(said.text, name)), endOfText(true)];
      case 'ids': {
        const ids = checkTokens(name, said.ids, this.#info.vocabulary);
        if (ids.length > 1) return [{ text: ids, isLearned: true }];
        throw unexpected(name, 'at least 2 token ids, of which the first is not learned', ids.length);
      }
      case 'pair': {
        const prompt = this.#text(said.prompt, `${name}.prompt`, true);
        const completion = this.#text(said.completion, `${name}.completion`);
        return [endOfText(false), { text: prompt, isLearned: false }, learned(completion), endOfText(true)];
      }
      case 'chat':
        return [endOfText(false), ...this.#turns(said.messages, `${name}.messages`), endOfText(true)];
    }
  }

  #turns(messages: unknown, name: string): DocumentPart[] {
    checkMessages(messages, name);
    requireTokenizer(this.#info, name);
    const turns = [...lessonOf(messages, this.#transcript)];
    if (turns.length === 0)
      throw unexpected(name, 'a message of the assistant, whose words are learned', 'none');
    return turns.map(({ text, isReply }) => ({ text: wellFormed(text), isLearned: isReply }));
  }

  #text(text: unknown, name: string, mayBeEmpty = false): string {
    const checked = checkText(text, name, mayBeEmpty);
    requireTokenizer(this.#info, name);
    return checked;
  }
}

const learned = (text: string): DocumentPart => ({ text, isLearned: true });
const endOfText = (isLearned: boolean): DocumentPart => ({ text: Int32Array.of(0), isLearned });

// Where a line or a word ends, at `most` or before it; where none does, at `most`, between two characters.
function borderIn(text: string, most: number): number {
  const [line, word] = ['\n', ' '].map((border) => text.lastIndexOf(border, most - 1) + 1);
  const isBroken = /[\ud800-\udbff]/.test(text.charAt(most - 1));
  return line || word || (isBroken ? most - 1 : most);
}
