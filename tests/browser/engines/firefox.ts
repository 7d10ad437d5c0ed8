// Firefox over WebDriver BiDi: a web socket, commands and events as JSON. No driver program is needed.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import WebSocket from 'ws';
import { callText, type Engine, only, patiently, type Role, type Tab } from './engine.js';
import { start } from './programs.js';

const settings = {
  'app.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.enabled': false,
};

export async function startFirefox(path: string): Promise<Engine> {
  const args = (home: string) => {
    const profile = join(home, 'profile');
    mkdirSync(profile);
    const lines = Object.entries(settings).map(
      ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`,
    );
    writeFileSync(join(profile, 'user.js'), lines.join('\n'));
    return ['--headless', '--no-remote', '--remote-debugging-port', '0', '--profile', profile];
  };
  const firefox = await start(path, args, /WebDriver BiDi listening on (ws:\S+)/);
  const address = firefox.said.split(' ').at(-1);
  const bidi = await connect(`${address}/session`);
  const { capabilities } = await bidi.send<Opened>('session.new', { capabilities: {} });
  await bidi.send('session.subscribe', { events: ['log.entryAdded'] });
  return {
    version: capabilities.browserVersion,
    newTab: () => openTab(bidi),
    async close() {
      bidi.close();
      await firefox.stop();
    },
  };
}

async function openTab(bidi: Connection): Promise<Tab> {
  const { context } = await bidi.send<{ context: string }>('browsingContext.create', { type: 'tab' });
  const complaints: string[] = [];
  bidi.listeners.add(({ method, params }) => {
    const isComplaint = method === 'log.entryAdded' && ['error', 'warn'].includes(params.level);
    if (isComplaint && params.source?.context === context) complaints.push(params.text);
  });
  const find = async (role: Role, name: string) => {
    const locator = { type: 'accessibility', value: { role, name } };
    const found = await bidi.send<{ nodes: { sharedId: string }[] }>('browsingContext.locateNodes', {
      context,
      locator,
    });
    return { sharedId: only(found.nodes, role, name).sharedId };
  };
  const act = (actions: object[]) => bidi.send('input.performActions', { context, actions });
  const press = (keys: string[]) =>
    act([
      {
        type: 'key',
        id: 'keys',
        actions: keys.flatMap((value) => ['keyDown', 'keyUp'].map((type) => ({ type, value }))),
      },
    ]);
  const clickOnce = async (role: Role, name: string) => {
    const element = await find(role, name);
    await bidi.send('script.callFunction', {
      functionDeclaration: "(element) => element.scrollIntoView({ block: 'nearest' })",
      arguments: [element],
      target: { context },
      awaitPromise: false,
    });
    const origin = { type: 'element', element };
    const actions = [
      { type: 'pointerMove', x: 0, y: 0, origin },
      { type: 'pointerDown', button: 0 },
      { type: 'pointerUp', button: 0 },
    ];
    await act([{ type: 'pointer', id: 'mouse', actions }]);
  };
  const click = (role: Role, name: string) => patiently(() => clickOnce(role, name));
  return {
    complaints,
    async open(url) {
      await bidi.send('browsingContext.navigate', { context, url, wait: 'complete' });
    },
    async reload() {
      await bidi.send('browsingContext.reload', { context, wait: 'complete' });
    },
    async activate() {
      await bidi.send('browsingContext.activate', { context });
    },
    async evaluate(run, ...given) {
      const answer = await bidi.send<Evaluated>('script.evaluate', {
        expression: callText(run, given),
        target: { context },
        awaitPromise: true,
      });
      if (answer.type === 'exception') throw new Error(answer.exceptionDetails.text);
      return JSON.parse(answer.result.value);
    },
    click,
    async type(role, name, keys) {
      await click(role, name);
      const [control, end] = ['\uE009', '\uE010'];
      const typed = ['keyDown', 'keyDown', 'keyUp', 'keyUp'].map((type, i) => ({
        type,
        value: i % 3 ? end : control,
      }));
      await act([{ type: 'key', id: 'keys', actions: typed }]);
      await press([...keys]);
    },
    async screenshot() {
      const { data } = await bidi.send<{ data: string }>('browsingContext.captureScreenshot', { context });
      return Buffer.from(data, 'base64');
    },
    async close() {
      await bidi.send('browsingContext.close', { context });
    },
  };
}

interface Opened {
  readonly capabilities: { readonly browserVersion: string };
}
type Evaluated =
  | { readonly type: 'success'; readonly result: { readonly value: string } }
  | { readonly type: 'exception'; readonly exceptionDetails: { readonly text: string } };
interface Logged {
  readonly method: string;
  readonly params: {
    readonly level: string;
    readonly text: string;
    readonly source?: { readonly context?: string };
  };
}
interface Answer {
  readonly type: string;
  readonly id: number;
  readonly error?: string;
  readonly message?: string;
}

interface Connection {
  /** What the answer of a command looks like is for its caller to know. */
  send<Result = unknown>(method: string, params: object): Promise<Result>;
  readonly listeners: Set<(event: Logged) => void>;
  close(): void;
}

async function connect(address: string): Promise<Connection> {
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const waiting = new Map<number, (text: string) => void>();
  const listeners: Connection['listeners'] = new Set();
  socket.on('message', (data) => {
    const text = String(data);
    const { type, id }: Answer = JSON.parse(text);
    if (type === 'event') for (const listen of listeners) listen(JSON.parse(text));
    else waiting.get(id)?.(text);
    waiting.delete(id);
  });
  let count = 0;
  return {
    listeners,
    close: () => socket.close(),
    async send(method, params) {
      count += 1;
      const id = count;
      const text = await new Promise<string>((resolve) => {
        waiting.set(id, resolve);
        socket.send(JSON.stringify({ id, method, params }));
      });
      const { type, error, message }: Answer = JSON.parse(text);
      if (type === 'error') throw new Error(`${method}: ${error}: ${message}`);
      return JSON.parse(text).result;
    },
  };
}
