// What of a chat's text its reader gets.
import { describe, expect, test } from 'vitest';
import { viewBehind } from '../../dist/page/chat/reply.js';
import type { ThinkMode } from '../../dist/page/chat/template.js';
import { render } from '../../dist/page/chat/transcript.js';
import { StopTexts } from '../../dist/page/stop-texts.js';

interface Reply {
  readonly opening: string | undefined;
  readonly stops: readonly string[];
}

/** What is told of text that comes in these pieces, and whether it has ended by itself. */
function told({ opening, stops }: Reply, pieces: readonly string[]): [text: string, hasEnded: boolean] {
  const view = viewBehind(opening);
  const ends = new StopTexts(stops);
  let all = '';
  for (const piece of pieces) {
    const { text, stop } = ends.push(view.shown(piece));
    all += text;
    if (stop !== undefined) return [all, true];
  }
  return [all + ends.rest(), false];
}

const messages = [{ role: 'user', content: 'Why?' }] as const;
const begun = [...messages, { role: 'assistant', content: 'Because' }] as const;

const g1 = (think: ThinkMode) => render(messages, { template: 'g1', think });
const world = (conversation: Parameters<typeof render>[0]) => render(conversation, { template: 'world' });

describe('of a completion', () => {
  test('all is told', () => {
    expect(told({ opening: undefined, stops: [] }, [' ', '\n\n', ' a', '>'])).toEqual([' \n\n a>', false]);
  });
});

describe('of a World reply', () => {
  test('the blank before it is left out, and a blank line ends it', () => {
    expect(told(world(messages), [' It', ' is.', '\n', '\nUser: x'])).toEqual(['It is.', true]);
  });
  test('a blank line before its first character is no end', () => {
    expect(told(world(messages), ['\n\n', '\n\nIt', ' is', '\n\n'])).toEqual(['It is', true]);
  });
  test('a line break that no other follows is told', () => {
    expect(told(world(messages), [' a\n', 'b', '\n'])).toEqual(['a\nb\n', false]);
  });
  test('that the caller began nothing is left out', () => {
    expect(told(world(begun), [' it is.', '\n\n'])).toEqual([' it is.', true]);
  });
});

describe('of a G1 reply', () => {
  test.each<[ThinkMode, string[]]>([
    [false, ['>', '\n', 'It is', '.\n\nSo', '\n\nUser', ':']],
    ['fast', ['>\nIt is', '.\n\nSo\n\nUser: a']],
    ['auto', [' It is.', '\n\nSo', '\n\nUser:']],
  ])('that does not think (%s) the end of the empty thought is left out', (think, pieces) => {
    expect(told(g1(think), pieces)).toEqual(['It is.\n\nSo', true]);
  });
  test.each<ThinkMode>([true, 'short', 'long'])('that thinks (%s) the thought is told whole', (think) => {
    expect(told(g1(think), ['>Hm', '.</think>\nYes', '\n\nUser:'])).toEqual([
      '<think>Hm.</think>\nYes',
      true,
    ]);
  });
});
