// Which engines this machine has.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { installCommand, onPath } from '../../programs.mjs';
import { startChromium } from './chromium.js';
import type { Engine } from './engine.js';
import { startFirefox } from './firefox.js';
import { startWebKit } from './webkit.js';

interface Installed {
  readonly name: 'Chromium' | 'Firefox' | 'WebKitGTK';
  /** `undefined`: it is not here. */
  readonly start?: () => Promise<Engine>;
  /** How to get it. */
  readonly install: string;
}

function firefox(): Installed {
  const { FIREFOX_PATH } = process.env;
  const path = FIREFOX_PATH ?? onPath('firefox-esr') ?? onPath('firefox');
  const install = installCommand('firefox-esr');
  return { name: 'Firefox', install, ...(path && { start: () => startFirefox(path) }) };
}

// Each library of WebKitGTK brings its small browser along, outside PATH.
function miniBrowser(): string | undefined {
  const folders = ['/usr/lib', ...(existsSync('/usr/lib') ? subfolders('/usr/lib') : [])];
  const libraries = folders.flatMap(subfolders).filter((folder) => /\/webkit(2)?gtk-[\d.]+$/.test(folder));
  return libraries.map((folder) => join(folder, 'MiniBrowser')).find((path) => existsSync(path));
}
const subfolders = (folder: string) =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name));

function webkit(): Installed {
  const [driver, browser, display] = [onPath('WebKitWebDriver'), miniBrowser(), onPath('Xvfb')];
  const install = installCommand('webkit2gtk-driver', 'xvfb');
  const isHere = driver && browser && display;
  return {
    name: 'WebKitGTK',
    install,
    ...(isHere && { start: () => startWebKit({ driver, browser, display }) }),
  };
}

/** Chromium is always there: without it every test of the page fails and says why. */
export const engines: readonly Installed[] = [
  { name: 'Chromium', install: installCommand('chromium'), start: startChromium },
  firefox(),
  webkit(),
];
