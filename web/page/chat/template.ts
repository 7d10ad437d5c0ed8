// Conversations as the text that RWKV chat models were trained on. The forms are those of the authors' own files:
// RWKV7-G1x-templates.txt in BlinkDL's RWKV-LM and API_DEMO_CHAT.py in ChatRWKV.
import { unexpected } from '../../shared/errors.js';
import type { ModelShape } from '../../shared/types.js';
import { storyteller } from '../../storyteller.js';
import type { GenerateOptions } from '../options.js';
import { oneOf, type Rule } from '../rules.js';

/**
 * How conversations are written:
 *
 * - `'world'`: RWKV World models, as the authors' ChatRWKV (API_DEMO_CHAT.py) writes them; a blank line ends a reply
 * - `'g1'`: RWKV7-G1 models, as the authors' RWKV7-G1x-templates.txt (RWKV-LM) describes: they can think before they answer,
 *   and replies may hold blank lines
 */
export type ChatTemplate = 'world' | 'g1';

/** Also `'none'`: models that only continue texts. */
export type Template = ChatTemplate | 'none';

/**
 * Whether a G1 model thinks before it answers:
 *
 * - `false`: no; the reply begins behind an empty thought
 * - `'fast'`: no; the same with a line break for a thought, the authors' other form
 * - `true`, `'short'`, `'long'`: yes; of its own length, "(think a bit)", "(think a lot)"
 * - `'auto'`: as it likes
 */
export type ThinkMode = boolean | 'auto' | 'fast' | 'short' | 'long';

/** How a conversation is written. */
export interface ChatFormat {
  /**
   * Default: `'g1'` where the model's name says that it is one, such as `rwkv7-g1a-0.4b.pth`; else, and for `renderChat`, which knows
   * no model, `'world'`.
   */
  template?: ChatTemplate | undefined;
  /** For the template `'g1'`. Default false. */
  think?: ThinkMode | undefined;
}

/** The same of doors that also know models that only continue texts. */
export interface TranscriptFormat {
  /**
   * `'world'` and `'g1'`: the models' chat forms, as for `renderChat`. `'none'`: for models that only continue texts, such as
   * the storyteller. Texts then follow each other as they are, and a blank line follows a system text. Default: `'none'` for the
   * embedded model, else as for `session.chat`.
   */
  template?: ChatTemplate | 'none' | undefined;
  /** Whether a G1 model thinks before it answers. Default false. */
  think?: ThinkMode | undefined;
}

/** Options of `session.chat`. */
export interface ChatOptions extends GenerateOptions, ChatFormat {}

/** What a think mode adds. The last `>` of an opening is the model's to write: its token may hold more. */
interface Thinking {
  /** Behind the last user's text. */
  readonly request: string;
  /** Behind `Assistant:`. */
  readonly opening: string;
}

/** What else is particular to a template. */
interface Traits {
  /** What ends a reply. */
  readonly stops: readonly string[];
  /** Whether replies keep their blank lines. */
  readonly keepsBlankLines: boolean;
  /** The think modes that it knows. */
  readonly thinking: ReadonlyMap<ThinkMode, Thinking>;
}

/** A template in a think mode. */
export type Form = Traits & Thinking;

const atOnce: Thinking = { request: '', opening: '' };
const traits: Readonly<Record<Template, Traits>> = {
  none: { stops: [], keepsBlankLines: true, thinking: new Map([[false, atOnce]]) },
  world: { stops: ['\n\n'], keepsBlankLines: false, thinking: new Map([[false, atOnce]]) },
  g1: {
    stops: ['\n\nUser:'],
    keepsBlankLines: true,
    thinking: new Map<ThinkMode, Thinking>([
      ['auto', atOnce],
      [false, { request: '', opening: ' <think></think' }],
      ['fast', { request: '', opening: ' <think>\n</think' }],
      [true, { request: '', opening: ' <think' }],
      ['short', { request: ' (think a bit)', opening: ' <think' }],
      ['long', { request: ' (think a lot)', opening: ' <think' }],
    ]),
  },
};

/** The templates that write who speaks, and all. */
export const chatTemplates = oneOf<ChatTemplate>('world', 'g1');
const templates = oneOf<Template>('world', 'g1', 'none');

/** @throws RwkvError `invalid-argument` where there is no such template or think mode, or they do not go together */
export function formOf(
  template: Template,
  think: ThinkMode = false,
  allowed: Rule<Template> = templates,
): Form {
  if (!allowed.accepts(template)) throw unexpected('option template', allowed.expected, template);
  if (!traits.g1.thinking.has(think))
    throw unexpected('option think', "true, false, 'auto', 'fast', 'short' or 'long'", think);
  const thinking = traits[template].thinking.get(think);
  if (!thinking) throw unexpected('option think', "to come with the template 'g1'", template);
  return { ...traits[template], ...thinking };
}

/** Checks a format before it is known which template the model speaks. @throws RwkvError as `formOf` */
export function checkFormat(format: TranscriptFormat, allowed?: Rule<Template>): void {
  formOf(format.template ?? 'g1', format.think, allowed);
}

/** What names the data that G1 models are trained on, a word by itself: `g1`, `g1a4`; of models too large for all of it `g0b`. */
const g1Word = /(^|[^a-z0-9])g[01]([a-z]\d?)?(?![a-z0-9])/i;

/** The template of a model, told by its name alone: no file says it otherwise. */
export function templateFor({ name }: Pick<ModelShape, 'name'>): Template {
  if (name === storyteller.name) return 'none';
  return g1Word.test(name) ? 'g1' : 'world';
}

/** The same where messages have roles, and these are written whatever the model. */
export function chatTemplateFor(model: Pick<ModelShape, 'name'>): ChatTemplate {
  return templateFor(model) === 'g1' ? 'g1' : 'world';
}
