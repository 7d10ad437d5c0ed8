// Bodies of requests to the server: good ones with fields put elsewhere, some left by their clients.
import { createEndpoints } from '../../../dist/adapters/openai/endpoints.js';
import { RWKV } from '../../../dist/node.js';
import { createApp } from '../../../dist/serve/app.js';
import { mutated, text } from './mutate.mjs';
import { workingModel } from './promise.mjs';

const origin = 'http://127.0.0.1:8080';
const sampling = { temperature: 1, top_p: 0.7, max_tokens: 3, seed: 1, logit_bias: { 5: 1 }, stream: false };
const penalties = {
  presence_penalty: 0.5,
  frequency_penalty: 0.2,
  penalty_decay: 0.99,
  min_p: 0.1,
  top_k: 5,
  typical_p: 0.9,
};
const format = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] };
const tool = { name: 'look', description: 'Looks', parameters: format };
const call = { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"a":1}' } };
const talk = [
  { role: 'system', content: 'Be short.' },
  { role: 'user', content: [{ type: 'text', text: 'Who?' }] },
  { role: 'assistant', content: null, tool_calls: [call] },
  { role: 'tool', tool_call_id: 'call_1', content: 'a fox' },
  { role: 'user', content: 'Why?' },
];

const seeds = [
  [
    'completions',
    { ...sampling, ...penalties, prompt: 'Once', stop: ['.'], n: 2, echo: true, logprobs: 2, suffix: null },
  ],
  [
    'completions',
    { ...sampling, prompt: [[1, 2], [3]], stream: true, stream_options: { include_usage: true } },
  ],
  [
    'chat/completions',
    { ...sampling, messages: talk.slice(0, 2), n: 1, logprobs: true, top_logprobs: 3, stop: 'x' },
  ],
  [
    'chat/completions',
    { ...sampling, messages: talk, stream: true, stream_options: { include_usage: true } },
  ],
  [
    'chat/completions',
    {
      ...sampling,
      messages: talk.slice(0, 2),
      tools: [{ type: 'function', function: tool }],
      tool_choice: 'auto',
    },
  ],
  [
    'chat/completions',
    {
      ...sampling,
      messages: talk,
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema: format } },
    },
  ],
  [
    'responses',
    {
      input: 'Once',
      instructions: 'Be short.',
      max_output_tokens: 3,
      temperature: 1,
      stream: false,
      metadata: { a: 'b' },
    },
  ],
  [
    'responses',
    {
      input: talk.slice(0, 2),
      max_output_tokens: 3,
      stream: true,
      text: { format: { type: 'text' } },
      reasoning: { effort: 'low' },
    },
  ],
  [
    'responses',
    {
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'x' }] }],
      max_output_tokens: 2,
      tools: [{ type: 'function', ...tool }],
    },
  ],
  ['embeddings', { input: ['a', 'b'], encoding_format: 'base64', dimensions: 8, model: 'any' }],
  ['embeddings', { input: [1, 2, 3], model: 'any' }],
];

export async function open() {
  const model = await RWKV.load();
  const endpoints = createEndpoints(RWKV.load, model, {});
  const log = (line) => {
    throw new Error(`the server's own fault: ${line}`);
  };
  const limits = { requests: 10, bytes: 1e7 };
  const app = createApp({
    endpoints,
    apiKey: undefined,
    origins: [],
    host: '127.0.0.1',
    limits,
    log,
    bodyLimit: 1e6,
    shutdown: new AbortController().signal,
  });
  return {
    works: await workingModel(model),
    async attempt(random) {
      const [path, seed] = random.of(seeds);
      const json = JSON.stringify(mutated(seed, random));
      const body = random.below(10) === 0 ? text(json, random) : json;
      const leaves = new AbortController();
      const patience = setTimeout(() => leaves.abort(), random.of([5, 200]));
      const headers = {
        Host: '127.0.0.1:8080',
        'Content-Type': 'application/json',
        'Content-Length': `${Buffer.byteLength(body)}`,
      };
      try {
        const response = await app.fetch(
          new Request(`${origin}/v1/${path}`, { method: 'POST', headers, body, signal: leaves.signal }),
        );
        return await check(response, body);
      } finally {
        clearTimeout(patience);
      }
    },
  };
}

async function check(response, body) {
  const { status } = response;
  const answer = await response.text();
  const where = () => `${body.slice(0, 1000)}\n${status} ${answer.slice(0, 1000)}`;
  if (status === 499) return 'left';
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
    const events = answer.split('\n\n').filter((event) => event.includes('data: {'));
    for (const event of events) JSON.parse(event.slice(event.indexOf('data: ') + 6));
    return 'stream';
  }
  const { error } = JSON.parse(answer);
  const isRight =
    status === 200
      ? (error ?? null) === null
      : [400, 404, 413].includes(status) && error.message.length < 1000;
  if (!isRight) throw new Error(where());
  return status;
}
