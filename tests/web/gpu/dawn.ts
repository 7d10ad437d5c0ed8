// WebGPU in Node: Dawn (install-dawn.mjs) on the software driver of the system's Chromium. It tells whether a program is right, never how fast.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, test, vi } from 'vitest';
import { type Device, openDevice } from '../../../dist/worker/gpu/device.js';
import { dawnModule } from './install-dawn.mjs';
import type { Written } from './list-writer.js';
import { type Ran, type RunOptions, runWritten } from './run-written.js';

/** Where Chromium has its libraries, the Vulkan loader and the software driver among them. */
export const { CHROMIUM_LIBRARIES: libraries = '/usr/lib/chromium' } = process.env;
export const driver = join(libraries, 'vk_swiftshader_icd.json');
const closesNever = 0x1000; // RTLD_NODELETE
const bindsNow = 0x2;

type GPU = Parameters<typeof openDevice>[0];

interface Dawn {
  readonly create: (flags: readonly string[]) => GPU;
  readonly globals: Readonly<Record<string, unknown>>;
}

/** `gpu`, or why there is none here. */
async function dawn(): Promise<{ gpu: GPU } | { reason: string }> {
  if (!existsSync(driver)) return { reason: `${driver} is missing` };
  if (!existsSync(dawnModule)) return { reason: 'node tests/web/gpu/install-dawn.mjs has not run' };
  try {
    // Dawn opens `libvulkan.so.1`, which then is there already. It is no module of Node's: its being none is what is thrown.
    try {
      process.dlopen({ exports: {} }, join(libraries, 'libvulkan.so.1'), bindsNow | closesNever);
    } catch {}
    Object.assign(process.env, { VK_ICD_FILENAMES: driver });
    const { create, globals }: Dawn = await import(pathToFileURL(dawnModule).href);
    Object.assign(globalThis, globals);
    const gpu = create([]);
    return (await gpu.requestAdapter()) ? { gpu } : { reason: 'Dawn has no adapter' };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

const found = await dawn();
if ('reason' in found) console.log(`not tested, for want of a device: ${found.reason}`);
vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 }); // the software driver compiles slowly

/** A test that needs a device. */
export const onDevice = test.skipIf('reason' in found);

let device: Device | undefined;
beforeAll(async () => {
  device = await newDevice();
});
afterAll(() => device?.destroy());

/** A device of one's own, to be lost. */
export async function newDevice(): Promise<Device | undefined> {
  return 'gpu' in found ? openDevice(found.gpu) : undefined;
}

/** Runs a list on the device that the tests of a file share. */
export async function run(written: Written, options: RunOptions = {}): Promise<Ran> {
  return runWritten(sharedDevice(), written, options);
}

/** That device, with the programs that it has compiled by now. */
export function sharedDevice(): Device {
  if (!device) throw new Error('no device');
  return device;
}
