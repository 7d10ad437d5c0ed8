// A program that uses the package on a device and ends in some way: `node ending.mjs PACKAGE LIBRARIES WAY`. Prints what it found.
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [folder, libraries, way] = process.argv.slice(2);
try {
  process.dlopen({ exports: {} }, join(libraries, 'libvulkan.so.1'), 0x1002); // as dawn.ts
} catch {}
const { RWKV } = await import(pathToFileURL(join(folder, 'dist/node.js')).href);
const file = fileURLToPath(new URL('../../fixtures/oracle/v4-bf16.pth', import.meta.url));
const options = { tokenizer: 'bytes', quantization: 'f32', threads: 1, build: 'baseline', device: 'gpu' };
const tell = (what) => process.stdout.write(`${what}\n`);

if (way === 'abort') {
  const aborting = new AbortController(); // when programs begin to be compiled
  const onProgress = ({ loaded, total }) => loaded === total && aborting.abort();
  const loading = RWKV.load(file, { ...options, signal: aborting.signal, onProgress });
  tell(
    await loading.then(
      () => 'loaded',
      ({ name }) => name,
    ),
  );
} else {
  const model = await RWKV.load(file, options);
  tell(model.info.device);
  const session = await model.createSession();
  if (way === 'read') {
    await session.append('a fox');
    tell((await session.logits()).length);
  } else {
    const reading = session.append('a fox '.repeat(2000)).catch(({ code }) => tell(code));
    if (way === 'exit') setTimeout(() => process.exit(3), 50);
    if (way === 'dispose') await model.dispose();
    await reading;
  }
}
