// The types of the packed package, in the settings that users have; and what tests/types says of them.
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProject, type Project, repository } from './packed.js';

const usage = `
import { RWKV, RwkvError, presets, type LoadOptions, type Model, type Session } from 'rwkv-wasm';

export async function tell(options: LoadOptions): Promise<string> {
  const model: Model = await RWKV.load(undefined, { ...options, onProgress: ({ stage, loaded }) => void [stage, loaded] });
  const session: Session = await model.createSession({ seed: 7 });
  let text = '';
  try {
    for await (const piece of session.complete('Once', { ...presets.chat, maxTokens: 5 })) text += piece.trim();
    const reader: ReadableStreamDefaultReader<string> = session.stream('').getReader();
    await reader.cancel();
  } catch (error) {
    if (error instanceof RwkvError && error.code === 'disposed') return '';
    throw error;
  } finally {
    await model.dispose();
  }
  // @ts-expect-error misspelt
  await RWKV.load(undefined, { thread: 1 });
  return text;
}
`;
const disposing = `
import { RWKV } from 'rwkv-wasm';

export async function count(): Promise<number> {
  await using model = await RWKV.load();
  await using session = await model.createSession();
  return (await session.complete('Once').result).tokens.length;
}
`;

let project: Project;

beforeAll(() => {
  project = createProject({ 'usage.ts': usage, 'usage.cts': usage, 'disposing.ts': disposing });
}, 120_000);
afterAll(() => project?.remove());

/** What TypeScript has to say. */
function complaints(files: readonly string[], options: ts.CompilerOptions): string {
  const program = ts.createProgram(files, options);
  const host = {
    getCanonicalFileName: (name: string) => name,
    getCurrentDirectory: () => repository,
    getNewLine: () => '\n',
  };
  return ts.formatDiagnostics(ts.getPreEmitDiagnostics(program), host);
}

const { NodeNext, Node16, Bundler } = ts.ModuleResolutionKind;
const page = ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.asynciterable.d.ts'];
const files = ['usage.ts'];

// Each checks the package's own declarations as well: `skipLibCheck` is off.
test.each<[string, readonly string[], ts.CompilerOptions]>([
  ['a bundler', files, { module: ts.ModuleKind.ESNext, moduleResolution: Bundler, lib: page }],
  ['node16', files, { module: ts.ModuleKind.Node16, moduleResolution: Node16, lib: page }],
  [
    'nodenext, by import and by require',
    ['usage.ts', 'usage.cts'],
    { module: ts.ModuleKind.NodeNext, moduleResolution: NodeNext, lib: page },
  ],
  [
    "Node's own types, without those of pages",
    files,
    {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: NodeNext,
      lib: ['lib.es2022.d.ts'],
      types: ['node'],
      typeRoots: [join(repository, 'node_modules/@types')],
    },
  ],
  [
    'await using, with a library that has it',
    ['disposing.ts'],
    {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: NodeNext,
      lib: [...page, 'lib.esnext.disposable.d.ts'],
    },
  ],
])('the types are those of %s', (_, names, options) => {
  const always = { target: ts.ScriptTarget.ES2022, strict: true, exactOptionalPropertyTypes: true };
  const given = names.map((name) => join(project.folder, name));
  // TypeScript's own libraries are not ours to check.
  const rest = { noEmit: true, types: [], skipDefaultLibCheck: true };
  expect(complaints(given, { ...always, ...rest, ...options })).toBe('');
});

test('they say what tests/types expects of them', () => {
  const path = join(repository, 'tests/types/tsconfig.json');
  const { config } = ts.readConfigFile(path, ts.sys.readFile);
  const { fileNames, options } = ts.parseJsonConfigFileContent(
    config,
    ts.sys,
    join(repository, 'tests/types'),
  );
  expect(fileNames.length).toBeGreaterThan(1);
  expect(complaints(fileNames, options)).toBe('');
});
