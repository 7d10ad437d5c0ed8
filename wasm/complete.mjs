// `npm run complete -- TEXT`: the command `rwkv-wasm complete` of this checkout, of which it builds no more than it takes.
import { buildAll, moduleOfThisNode } from './build.mjs';

const args = process.argv.slice(2);
const choosesItself = args.some((arg) => /^--(build|threads)\b/.test(arg));
try {
  await buildAll(choosesItself ? {} : { modules: [moduleOfThisNode(args)] });
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
process.argv.splice(2, 0, 'complete');
await import('../dist/cli.js');
