// Conversations in pieces, and replies as they come.
import { describe, expect, test } from 'vitest';
import type { ChatMessage } from '../../dist/page/chat/messages.js';
import { ReplyReader } from '../../dist/page/chat/reply.js';
import type { Template, ThinkMode } from '../../dist/page/chat/template.js';
import { renderChat, Transcript } from '../../dist/page/chat/transcript.js';

const turns: ChatMessage[] = [
  { role: 'system', content: 'You are brief.' },
  { role: 'user', content: 'Name a colour.' },
  { role: 'assistant', content: 'Red.' },
  { role: 'user', content: 'Another.\n\nPlease.' },
];

describe('a transcript', () => {
  test.each([
    { template: 'world' },
    { template: 'g1' },
    { template: 'g1', think: true },
    { template: 'g1', think: 'short' },
    { template: 'g1', think: 'auto' },
  ] as const)('in pieces is the conversation as it is written at once: %o', (format) => {
    const transcript = new Transcript(format);
    const { prompt, stop } = renderChat(turns, format);
    expect(transcript.closed(turns) + transcript.begun(undefined)).toBe(prompt);
    expect(transcript.stops).toEqual(stop);
    if (format.template === 'world') {
      const pieces = turns.map((turn) => transcript.closed([turn]));
      expect(pieces.join('')).toBe(transcript.closed(turns));
    }
    const prefixed = [...turns, { role: 'assistant' as const, content: 'Well' }];
    expect(transcript.closed(turns) + transcript.begun('Well')).toBe(renderChat(prefixed, format).prompt);
  });

  test('of a model that only continues texts is these texts', () => {
    const transcript = new Transcript({ template: 'none' });
    expect(transcript.closed(turns)).toBe('You are brief.\n\nName a colour.Red.Another.\n\nPlease.');
    expect([transcript.begun(undefined), transcript.begun(' a'), transcript.replied(' a', ' b')]).toEqual([
      '',
      ' a',
      ' a b',
    ]);
    expect(transcript.stops).toEqual([]);
  });

  test('knows the embedded model by its name', () => {
    const isPlain = (name: string) => new Transcript({}, name).isPlain;
    expect(isPlain('rwkv7-tales-8.0M-q4.safetensors')).toBe(true);
    expect(isPlain('rwkv7-g1-0.1b.pth')).toBe(false);
  });

  test('begins at once where a grammar rules the reply, but for a thought that was asked for', () => {
    const begun = (think: ThinkMode) => new Transcript({ template: 'g1', think }).begun(undefined, true);
    for (const think of [false, 'fast', 'auto'] as const) expect(begun(think)).toBe('Assistant:');
    for (const think of [true, 'short', 'long'] as const) expect(begun(think)).toBe('Assistant: <think');
  });

  test('refuses unknown templates', () => {
    expect(() => new Transcript({ template: 'alpaca' as unknown as 'world' })).toThrow(/option template/);
    expect(() => new Transcript({ template: 'g1', think: 'long' })).not.toThrow();
    expect(() => new Transcript({ template: 'world', think: true })).toThrow(/option think/);
  });
});

describe('a reply', () => {
  /** What a reply is read as, whole and letter by letter. */
  function read(prompt: string, template: Template, reply: string) {
    const readings = [[reply], [...reply]].map((pieces) => {
      const reader = new ReplyReader(prompt, template);
      const parts = [...pieces.map((piece) => reader.push(piece)), reader.rest()];
      return [parts.map(({ thinking }) => thinking).join(''), parts.map(({ answer }) => answer).join('')];
    });
    expect(readings[1]).toEqual(readings[0]);
    return readings[0];
  }

  test.each([
    ['plain text as it is', 'Once', 'none', '  <think> a\n', '', '  <think> a\n'],
    ['without the blank before it', 'Assistant:', 'world', ' \n Hello  there ', '', 'Hello  there '],
    ['of a talker, which has no marks', 'Assistant:', 'world', ' <think>a', '', '<think>a'],
    ['behind an empty thought', 'Assistant: <think></think', 'g1', '>\n\nHello > you', '', 'Hello > you'],
    ['behind an empty thought that was not ended', 'Assistant: <think></think', 'g1', ' Hello', '', 'Hello'],
    [
      'with a thought',
      'Assistant: <think',
      'g1',
      '>\nHm </thin k\n</think>\n\nHello',
      'Hm </thin k\n',
      'Hello',
    ],
    ['that only thinks', 'Assistant: <think', 'g1', '> Hm </th', 'Hm </th', ''],
    ['with a thought of its own', 'Assistant:', 'g1', ' <think>Hm</think> Hello', 'Hm', 'Hello'],
    ['that begins like a thought', 'Assistant:', 'g1', ' <thi', '', '<thi'],
    ['with an empty thought of its own', 'Assistant:', 'g1', '<think> </think>Hello', '', 'Hello'],
    ['of nothing', 'Assistant:', 'g1', '', '', ''],
  ] as const)('is read %s', (_, prompt, kind, reply, thinking, answer) => {
    expect(read(prompt, kind, reply)).toEqual([thinking, answer]);
  });
});
