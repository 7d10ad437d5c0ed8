// WebKitGTK's own small browser over WebDriver, on a display that nobody sees.
import { callText, type Engine, only, patiently, type Role, type Tab } from './engine.js';
import { freePort, start } from './programs.js';

/** How WebDriver writes an element in JSON. */
const elementKey = 'element-6066-11e4-a52e-4f735466cecf';
interface Element {
  readonly [elementKey]: string;
}

/** CSS of what may have a role. */
const candidates: Readonly<Record<Role, string>> = {
  button: 'button',
  radio: 'input[type=radio]',
  slider: 'input[type=range]',
  tab: '[role=tab]',
  textbox: 'textarea, input:not([type]), input[type=text], [role=textbox]',
};

export interface WebKitPrograms {
  readonly driver: string;
  readonly browser: string;
  readonly display: string;
}

export async function startWebKit(paths: WebKitPrograms): Promise<Engine> {
  const screen = ['-displayfd', '1', '-screen', '0', '1280x960x24', '-nolisten', 'tcp'];
  const display = await start(paths.display, () => screen, /^\d+(?=\n)/m);
  const port = await freePort();
  const driver = await start(paths.driver, () => [`--port=${port}`, '--host=127.0.0.1'], undefined, {
    DISPLAY: `:${display.said}`,
    LIBGL_ALWAYS_SOFTWARE: '1',
    LC_ALL: 'en_US.UTF-8', // in C it has no language at all
    JSC_useSharedArrayBuffer: '1', // Safari has it in pages that are cross-origin isolated
  });
  const close = async () => {
    await driver.stop();
    await display.stop();
  };
  try {
    const root = `http://127.0.0.1:${port}`;
    await answers(`${root}/status`);
    const { sessionId, capabilities } = await send<Opened>('POST', `${root}/session`, {
      capabilities: {
        alwaysMatch: {
          'webkitgtk:browserOptions': { binary: paths.browser, args: ['--automation'] },
          timeouts: { script: 60_000 },
        },
      },
    });
    const session = `${root}/session/${sessionId}`;
    const first = await send<string>('GET', `${session}/window`); // stays open: a session ends with its last window
    return {
      version: capabilities.browserVersion,
      newTab: () => openTab(session, first),
      async close() {
        await send('DELETE', session).catch(() => {});
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Opened {
  readonly sessionId: string;
  readonly capabilities: { readonly browserVersion: string };
}

async function openTab(session: string, first: string): Promise<Tab> {
  await send('POST', `${session}/window`, { handle: first });
  // A window, not a tab: of tabs only the first would draw frames.
  const { handle } = await send<{ handle: string }>('POST', `${session}/window/new`, { type: 'window' });
  // WebDriver has one window at a time.
  const here = () => send('POST', `${session}/window`, { handle });
  const run = async <Result>(method: string, path: string, body?: object) => {
    await here();
    return send<Result>(method, session + path, body);
  };
  const find = async (role: Role, name: string) => {
    // The page leaves out most; the engine itself tells the names and roles of the rest.
    const script = `return [...document.querySelectorAll(arguments[0])].filter((element) =>
      (element.ariaLabel ?? element.textContent).includes(arguments[1]));`;
    const likely = await run<Element[]>('POST', '/execute/sync', { script, args: [candidates[role], name] });
    const found: string[] = [];
    for (const element of likely) {
      const path = `/element/${element[elementKey]}`;
      const isIt = (await run('GET', `${path}/computedlabel`)) === name;
      if (isIt && (await run('GET', `${path}/computedrole`)) === role) found.push(path);
    }
    return only(found, role, name);
  };
  return {
    complaints: undefined,
    async open(url) {
      await run('POST', '/url', { url });
    },
    async reload() {
      await run('POST', '/refresh', {});
    },
    async activate() {
      await here();
    },
    async evaluate(call, ...given) {
      const script = `const done = arguments[0];
        ${callText(call, given)}.then((found) => done({ found }), (error) => done({ error: String(error) }));`;
      const { found, error } = await run<{ found: string; error?: string }>('POST', '/execute/async', {
        script,
        args: [],
      });
      if (error) throw new Error(error);
      return JSON.parse(found);
    },
    async click(role, name) {
      await patiently(async () => run('POST', `${await find(role, name)}/click`, {}));
    },
    async type(role, name, keys) {
      const path = await patiently(() => find(role, name));
      await run('POST', `${path}/value`, { text: keys });
    },
    async screenshot() {
      return Buffer.from(await run<string>('GET', '/screenshot'), 'base64');
    },
    async close() {
      await run('DELETE', '/window');
    },
  };
}

async function send<Result = unknown>(method: string, url: string, body?: object): Promise<Result> {
  const response = await fetch(url, { method, ...(body && { body: JSON.stringify(body) }) });
  const { value } = JSON.parse(await response.text());
  if (!response.ok) throw new Error(`${method} ${new URL(url).pathname}: ${value.error}: ${value.message}`);
  return value;
}

async function answers(url: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const isThere = await fetch(url).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${url} does not answer`);
}
