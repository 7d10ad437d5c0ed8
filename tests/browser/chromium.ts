// The system's own Chromium, quiet and without a network of its own.
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

export async function launchChromium(): Promise<Browser> {
  const { CHROMIUM_PATH: executablePath = '/usr/bin/chromium' } = process.env;
  if (!existsSync(executablePath))
    throw new Error(
      `${executablePath} is missing: apt-get install chromium, or name a browser by CHROMIUM_PATH`,
    );
  const quiet = ['networking', 'timer-throttling'].map((name) => `--disable-background-${name}`);
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'];
  return chromium.launch({ executablePath, args: [...args, ...quiet, '--disable-component-update'] });
}
