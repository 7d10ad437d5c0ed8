// Makes of the package @mlc-ai/web-xgrammar, a script of the UMD kind, the module that the grammar engine imports: one that every
// bundler reads without a warning, that does not care where it runs, and whose stack may be placed anew.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** More memory than this is refused: the engine then fails, and is started anew. */
const mostBytes = 2 ** 30;
const folder = 'node_modules/@mlc-ai/web-xgrammar';
export const libraryInputs = [`${folder}/lib/index.js`, `${folder}/package.json`];

/** The text of the module. */
export function grammarLibrary(home) {
  const { name, version, license, homepage } = JSON.parse(readFileSync(join(home, folder, 'package.json')));
  let text = readFileSync(join(home, libraryInputs[0]), 'utf8');
  const change = (from, to) => {
    const changed = text.replace(from, to);
    if (changed === text) throw new Error(`${name} ${version} has nothing like ${from}`);
    text = changed;
  };
  change(
    /^\(function \(global, factory\) \{[\s\S]*?\}\)\(this, \(function/,
    'const library = {};\n((function',
  );
  change(/\}\)\);\s*\/\/# sourceMappingURL=\S+\s*$/, '})(library));\n');
  change(/var _scriptDir = \(.*\);/, "var _scriptDir = '';");
  change(/var ENVIRONMENT_IS_NODE=[^;]*;/, 'var ENVIRONMENT_IS_NODE=false;'); // what Node has besides is not needed
  change(/if\(ENVIRONMENT_IS_NODE\)\{const\{createRequire:.*?process\.argv\.slice\(2\);\}else /, '');
  change('binding = await Module();', 'binding = await Module(settings);');
  change(
    'compiledGrammar.tokenizerInfo().getVocabSize()', // keeps what it makes for ever
    '((info, size = info.getVocabSize()) => (info.dispose(), size))(compiledGrammar.tokenizerInfo())',
  );
  const [, malloc] = /_malloc=wasmExports\["(\w+)"\]/.exec(text) ?? [];
  const core = `settings.core={memory:wasmMemory,malloc:wasmExports["${malloc}"],stackPointer:wasmExports["stackPointer"]};`;
  change(/wasmExports=instance\.exports;wasmMemory=wasmExports\["\w+"\];/, `$&${core}`);
  change('getHeapMax=()=>2147483648', `getHeapMax=()=>${mostBytes}`);
  change(/(base64,)([A-Za-z0-9+/]+=*)/, (_, start, binary) => start + exportingStack(binary));
  return `/*! ${name} ${version}, ${license}, ${homepage}
 * Changed by the build of rwkv-wasm: a module instead of a script, without its own support of Node; with \`settings\` of its
 * start, which it leaves its memory and stack pointer in; with less memory at most, which it gives back. */
export const settings = {};
${text}export const { Grammar, GrammarCompiler, GrammarMatcher, TokenizerInfo } = library;
`;
}

const exportSection = 7;
const globalKind = 3;
const stackPointer = 0; // LLVM makes it the first global

// A WebAssembly binary with one export more.
function exportingStack(base64) {
  const bytes = Buffer.from(base64, 'base64');
  const entry = Buffer.from([12, ...Buffer.from('stackPointer'), globalKind, stackPointer]);
  for (let at = 8; at < bytes.length; ) {
    const [size, start] = readLeb(bytes, at + 1);
    if (bytes[at] === exportSection) {
      const [count, first] = readLeb(bytes, start);
      const body = Buffer.concat([leb(count + 1), bytes.subarray(first, start + size), entry]);
      const section = [Buffer.from([exportSection]), leb(body.length), body];
      const whole = [bytes.subarray(0, at), ...section, bytes.subarray(start + size)];
      return Buffer.concat(whole).toString('base64');
    }
    at = start + size;
  }
  throw new Error('the WebAssembly of the grammar library exports nothing');
}

function readLeb(bytes, at) {
  let value = 0;
  for (let shift = 0, next = at; ; shift += 7) {
    const byte = bytes[next++];
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value, next];
  }
}

function leb(value) {
  const bytes = [];
  let left = value;
  for (; left > 0x7f; left >>>= 7) bytes.push((left & 0x7f) | 0x80);
  return Buffer.from([...bytes, left]);
}
