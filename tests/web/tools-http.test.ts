// Function calling over HTTP, with OpenAI's own client and its helpers.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killAll, type Server, start, stop } from './server.js';

let server: Server;
beforeAll(async () => {
  server = await start();
});
afterAll(async () => {
  await stop(server);
  killAll();
});

const parameters = { type: 'object', properties: { isOn: { type: 'boolean' } }, required: ['isOn'] };
const light = { type: 'function', function: { name: 'set_light', parameters } } as const;
const request = {
  model: 'any',
  messages: [{ role: 'user', content: 'Light!' }],
  seed: 1,
  max_tokens: 60,
} as const;
const tool_choice = { type: 'function', function: { name: 'set_light' } } as const;

test('a stream of a call is put together', async () => {
  const asked = {
    ...request,
    messages: [...request.messages],
    tools: [light],
    tool_choice,
    parallel_tool_calls: false,
  };
  const heard: unknown[] = [];
  const stream = server.client.chat.completions.stream(asked);
  stream.on('tool_calls.function.arguments.done', ({ name, arguments: given }) =>
    heard.push([name, JSON.parse(given)]),
  );
  const { choices } = await stream.finalChatCompletion();
  const [choice] = choices;
  expect(choice).toMatchObject({
    finish_reason: 'tool_calls',
    message: { tool_calls: [{ type: 'function' }] },
  });
  expect(heard).toEqual([['set_light', { isOn: expect.any(Boolean) }]]);
});

test.each([true, false])(
  'runTools calls functions and sends back what they gave (stream: %s)',
  async (isStream) => {
    const given: unknown[] = [];
    const tool = {
      type: 'function' as const,
      function: {
        name: 'set_light',
        description: 'Switches the light.',
        parameters,
        parse: (text: string): unknown => JSON.parse(text),
        function: (read: unknown) => {
          given.push(read);
          return 'done';
        },
      },
    };
    // A call is forced in the first request alone.
    const asked = { ...request, messages: [...request.messages], tools: [tool], parallel_tool_calls: false };
    const { completions } = server.client.chat;
    const runner = isStream
      ? completions.runTools({ ...asked, tool_choice: 'required', stream: true }, { maxChatCompletions: 2 })
      : completions.runTools({ ...asked, tool_choice: 'required' }, { maxChatCompletions: 2 });
    await runner.done();
    expect(given.length).toBeGreaterThanOrEqual(1);
    for (const read of given) expect(read).toEqual({ isOn: expect.any(Boolean) });
    expect(runner.messages.map(({ role }) => role).slice(0, 4)).toEqual([
      'user',
      'assistant',
      'tool',
      'assistant',
    ]);
  },
);
