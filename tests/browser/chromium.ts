// Debian's Chromium, quiet: without the requests that it makes of itself.
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const { CHROMIUM_PATH: executablePath = '/usr/bin/chromium' } = process.env;

export function launchBrowser(): Promise<Browser> {
  if (!existsSync(executablePath))
    throw new Error(
      `${executablePath} is missing: apt-get install chromium, or name a browser by CHROMIUM_PATH`,
    );
  const quiet = ['networking', 'timer-throttling'].map((name) => `--disable-background-${name}`);
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'];
  return chromium.launch({ executablePath, args: [...args, ...quiet, '--disable-component-update'] });
}
