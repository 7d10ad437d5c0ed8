// The system's own Chromium, quiet and without a network of its own.
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** @throws Error that says what to install */
export function chromiumPath(): string {
  const { CHROMIUM_PATH: path = '/usr/bin/chromium' } = process.env;
  if (existsSync(path)) return path;
  throw new Error(`${path} is missing: apt-get install chromium, or name a browser by CHROMIUM_PATH`);
}

/** `hasDevice`: with WebGPU, on the software adapter. */
export async function launchChromium({ hasDevice = false } = {}): Promise<Browser> {
  const executablePath = chromiumPath();
  const device = hasDevice
    ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']
    : ['--disable-gpu'];
  const quiet = ['networking', 'timer-throttling'].map((name) => `--disable-background-${name}`);
  const args = ['--no-sandbox', ...device, '--disable-quic', '--no-first-run', '--disable-sync'];
  return chromium.launch({ executablePath, args: [...args, ...quiet, '--disable-component-update'] });
}
