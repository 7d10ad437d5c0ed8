// What of a chat's text its reader gets.
import { describe, expect, test } from 'vitest';
import { plainForm, ReplyText, replyForm } from '../../dist/adapters/openai/reply-text.js';
import { renderChat, type ThinkMode } from '../../dist/page/chat/template.js';

/** What is told of text that comes in these pieces, and whether it has ended by itself. */
function told(reply: ReplyText, pieces: readonly string[]): [text: string, hasEnded: boolean] {
  let all = '';
  for (const piece of pieces) {
    const { text, hasEnded } = reply.push(piece);
    all += text;
    if (hasEnded) return [all, true];
  }
  return [all + reply.rest(), false];
}

const messages = [{ role: 'user', content: 'Why?' }] as const;
const begun = [...messages, { role: 'assistant', content: 'Because' }] as const;

const g1 = (think: ThinkMode) => {
  const { prompt, stop } = renderChat(messages, { template: 'g1', think });
  return new ReplyText(replyForm(prompt, stop, false));
};
const world = (conversation: Parameters<typeof renderChat>[0], isBegun: boolean) => {
  const { prompt, stop } = renderChat(conversation, { template: 'world' });
  return new ReplyText(replyForm(prompt, stop, isBegun));
};

describe('of a completion', () => {
  test('all is told', () => {
    expect(told(new ReplyText(plainForm), [' ', '\n\n', ' a', '>'])).toEqual([' \n\n a>', false]);
  });
});

describe('of a World reply', () => {
  test('the blank before it is left out, and a blank line ends it', () => {
    expect(told(world(messages, false), [' It', ' is.', '\n', '\nUser: x'])).toEqual(['It is.', true]);
  });
  test('a blank line before its first character is no end', () => {
    expect(told(world(messages, false), ['\n\n', '\n\nIt', ' is', '\n\n'])).toEqual(['It is', true]);
  });
  test('a line break that no other follows is told', () => {
    expect(told(world(messages, false), [' a\n', 'b', '\n'])).toEqual(['a\nb\n', false]);
  });
  test('that the caller began nothing is left out', () => {
    expect(told(world(begun, true), [' it is.', '\n\n'])).toEqual([' it is.', true]);
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
