// The server, among clients that behave and clients that vanish, dawdle and talk nonsense.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Random } from '../random.mjs';
import { course } from './course.mjs';
import { Usage } from './usage.mjs';

const clientsAtOnce = 16;
const file = (name) => fileURLToPath(new URL(name, import.meta.url));

const completion = (body) => JSON.stringify({ model: 'any', prompt: 'Once upon', max_tokens: 2, ...body });
const conversation = JSON.stringify({ max_tokens: 2, messages: [{ role: 'user', content: 'Who?' }] });
const head = (length) =>
  `POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

async function post(url, path, body, expected) {
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(`${url}${path}`, { method: 'POST', headers, body });
  const text = await response.text();
  if (response.status !== expected)
    throw new Error(`${path} ${body.slice(0, 200)}: ${response.status} ${text}`);
  return text;
}

// A socket on which anything may be said; the server may end it at any time.
async function dial(url) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** What is told at once, and then nobody is there. */
async function vanish(url, text, patience) {
  const socket = await dial(url);
  socket.write(text);
  await sleep(patience);
  socket.destroy();
}

const nonsense = [
  '{"prompt":',
  '[]',
  'null',
  '{"prompt":{"a":1}}',
  '{"prompt":"x","max_tokens":1.5}',
  '{"prompt":"x","temperature":"hot"}',
  '{"prompt":[99999999]}',
  '{"prompt":"x","stop":[1,2]}',
  '{"prompt":"x","stream":"yes"}',
];

const clients = {
  whole: (url) => post(url, '/v1/completions', completion({}), 200),
  chat: (url) => post(url, '/v1/chat/completions', conversation, 200),
  models: async (url) => (await fetch(`${url}/v1/models`)).json(),
  async streams(url) {
    const text = await post(url, '/v1/completions', completion({ stream: true }), 200);
    if (!text.endsWith('data: [DONE]\n\n')) throw new Error(`a stream ends by ${text.slice(-100)}`);
  },
  nonsense: (url, random) => post(url, '/v1/completions', random.of(nonsense), 400),
  nothing: async (url) => (await fetch(`${url}/nothing`)).text(),
  async noHttp(url) {
    const socket = await dial(url);
    socket.end('what is this\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
  },
  vanishesEarly: (url, random) => vanish(url, `${head(1000)}{"prompt":`, random.below(5)),
  vanishesLate(url, random) {
    const body = completion({ stream: true, max_tokens: 500, logit_bias: { 0: -100 } });
    return vanish(url, head(body.length) + body, random.below(50));
  },
  async dawdles(url) {
    const body = completion({});
    const socket = await dial(url);
    socket.write(head(body.length));
    for (let at = 0; at < body.length; at += 20) {
      await sleep(2);
      socket.write(body.slice(at, at + 20));
    }
    const [answer] = await once(socket, 'data');
    socket.destroy();
    if (!`${answer}`.startsWith('HTTP/1.1 200')) throw new Error(`who dawdles hears ${answer}`);
  },
};

async function start() {
  const child = fork(file('../../dist/cli.js'), ['serve', '--port', '0'], {
    execArgv: ['--expose-gc', '--import', file('./usage.mjs')],
    env: { ...process.env, RWKV_SOAK_TELLS: '1' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  return { child, url: /http:\/\/\S+/.exec(line)[0] };
}

export default async function serve(isShort) {
  const requests = isShort ? 2_000 : 20_000;
  const { child, url } = await start();
  const ended = once(child, 'exit');
  const random = new Random(20);
  const names = Object.keys(clients);
  try {
    await course(
      'request',
      async () => {
        let left = requests / 20;
        const client = async () => {
          while (left-- > 0) await clients[random.of(names)](url, random);
        };
        await Promise.all(Array.from({ length: clientsAtOnce }, client));
        return requests / 20;
      },
      () => Usage.ofChild(child),
    );
    await clients.whole(url);
    child.kill('SIGTERM');
    const [code] = await ended;
    if (code !== 0) throw new Error(`the server ended with ${code}`);
  } finally {
    child.kill('SIGKILL');
  }
}
