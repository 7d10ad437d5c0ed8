// How a tokenizer.json changes a text and cuts it into words, in the terms that the library does exactly as the reference: it
// has classes of JavaScript's where the reference has those of Unicode, and knows no behaviours of a cut but two.
import { bad, field, listOf, otherType, show, unsupported } from './json.js';
import { literal, patternOf } from './patterns.js';

/** A part as the library takes it. */
export type Part = Readonly<Record<string, unknown>>;

const mostParts = 32;

/** The parts of a sequence, or the one that there is. */
function partsOf(part: string, config: unknown, list: string): readonly unknown[] {
  if (config === null || config === undefined) return [];
  if (field(config, 'type') !== 'Sequence') return [config];
  const parts = listOf(config, list).flatMap((one) => partsOf(part, one, list));
  if (parts.length > mostParts) throw unsupported(`${part}: more than ${mostParts} parts`);
  return parts;
}

/**
 * The normalizers. `isStart`: of a text that nothing comes before; others get no blank in front.
 *
 * @throws RwkvError `bad-vocabulary`, `unsupported`
 */
export function normalizersOf(json: unknown, isStart: boolean): Part[] {
  const part = 'normalizer';
  return partsOf(part, field(json, part), 'normalizers').flatMap((config): Part[] => {
    const type = field(config, 'type');
    if (type === 'NFC' || type === 'NFD' || type === 'NFKC' || type === 'NFKD' || type === 'Lowercase')
      return [{ type }];
    if (type === 'Prepend') return isStart ? [{ type, prepend: textOf(part, config, 'prepend') }] : [];
    if (type !== 'Replace')
      throw otherType(
        part,
        ['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'Prepend', 'Replace', 'null'],
        config,
      );
    const content = textOf(part, config, 'content').replaceAll('$', '$$$$'); // no back references
    return [{ type, pattern: { Regex: patternOf(part, config) }, content }];
  });
}

/** How the reference cuts text into words. The library's own form of it takes \s as JavaScript does, which differs. */
const words = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const punctuation = String.raw`[\p{P}!-/:-@\[-\x60{-~]`;

/** The pre-tokenizers, likewise. */
export function preTokenizersOf(json: unknown, isStart: boolean): Part[] {
  const part = 'pre_tokenizer';
  return partsOf(part, field(json, part), 'pretokenizers').flatMap((config): Part[] => {
    switch (field(config, 'type')) {
      case 'ByteLevel': {
        if (field(config, 'add_prefix_space')) throw unsupported(`${part}: add_prefix_space is set`);
        const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
        return field(config, 'use_regex') === false ? [bytes] : [cut(words, 'Isolated'), bytes];
      }
      case 'Split':
        return [cut(patternOf(part, config), field(config, 'behavior'), field(config, 'invert') === true)];
      case 'Whitespace':
        return [cut(String.raw`\w+|[^\w\s]+`, 'Removed', true)];
      case 'WhitespaceSplit':
        return [cut(String.raw`\s+`, 'Removed')];
      case 'CharDelimiterSplit':
        return [cut(literal(textOf(part, config, 'delimiter')), 'Removed')];
      case 'Punctuation':
        return [cut(punctuation, field(config, 'behavior') ?? 'Isolated')];
      case 'BertPreTokenizer':
        return [cut(String.raw`\s+`, 'Removed'), cut(punctuation, 'Isolated')];
      case 'Digits':
        return [cut(String.raw`\p{N}`, field(config, 'individual_digits') ? 'Isolated' : 'Contiguous')];
      case 'Metaspace': {
        const replacement = textOf(part, config, 'replacement');
        const given = field(config, 'prepend_scheme') ?? 'always';
        const prepend_scheme = field(config, 'add_prefix_space') === false || !isStart ? 'never' : given;
        const blanks = { type: 'Metaspace', replacement, prepend_scheme };
        return field(config, 'split') === false
          ? [blanks]
          : [blanks, cut(literal(replacement), 'MergedWithNext')];
      }
      default:
        throw otherType(
          part,
          [
            'ByteLevel',
            'Split',
            'Whitespace',
            'WhitespaceSplit',
            'Punctuation',
            'Digits',
            'Metaspace',
            'null',
          ],
          config,
        );
    }
  });
}

// Where a text is cut: at what a pattern matches, which stays as a piece, goes, or stays with what is beside it.
function cut(pattern: string, behavior: unknown, isInverted = false): Part {
  const split = (regex: string, behavior: string, invert = false) => ({
    type: 'Split',
    pattern: { Regex: regex },
    behavior,
    invert,
  });
  const one = `(?:${pattern})`;
  if (behavior === 'Isolated') return split(pattern, 'Isolated'); // all stays, either way
  if (behavior === 'Contiguous') return split(`${one}+`, 'Isolated');
  if (behavior === 'Removed') return split(pattern, 'Removed', isInverted);
  if (isInverted) throw unsupported(`pre_tokenizer: invert is set with the behavior ${show(behavior)}`);
  if (behavior === 'MergedWithPrevious') return split(String.raw`[\s\S]*?${one}|[\s\S]+`, 'Isolated');
  if (behavior === 'MergedWithNext') return split(String.raw`${one}[\s\S]*?(?=${one}|\z)`, 'Isolated');
  throw bad(`pre_tokenizer: expected a behavior such as "Isolated", found ${show(behavior)}`);
}

function textOf(part: string, config: unknown, name: string): string {
  const text = field(config, name);
  if (typeof text === 'string') return text;
  throw bad(`${part}: expected a text as ${name}, found ${show(text)}`);
}
