// Which lines run under tests, by folder: `npm run coverage [-- core|web]`. It counts and judges nothing; what fails is named.
import { coreLines } from './core.mjs';
import { print } from './report.mjs';
import { webLines } from './web.mjs';

const parts = { core: coreLines, web: webLines };
const asked = process.argv.slice(2);

try {
  for (const name of asked.length > 0 ? asked : Object.keys(parts)) {
    const lines = parts[name];
    if (!lines) throw new Error(`expected ${Object.keys(parts).join(', ')}; found ${name}`);
    print(await lines());
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
