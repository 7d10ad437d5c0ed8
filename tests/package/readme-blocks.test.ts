// How the examples of a page are found.
import { expect, test } from 'vitest';
import { blocksOf, commandsOf } from './readme-blocks.js';

const fence = '```';

test('blocks, their lines and what the comment before them says', () => {
  const markdown = `# Title

${fence}js
first();
${fence}

<!-- run: no, needs the network -->
${fence}ts
second();
${fence}

- in a list:

  <!-- run: with session -->

  ${fence}js
  third();
    deeper();
  ${fence}

<!-- file: app/index.html; shows: Once upon -->
${fence}html
<p></p>
${fence}

<!-- run: until ready -->
${fence}sh
npx rwkv-wasm serve
${fence}

<!-- printed: by the last command -->
${fence}text
It listens.
${fence}

${fence}text
no example
${fence}

${fence}c
int not_an_example;
${fence}
`;
  const plain = { text: '', file: undefined };
  expect(blocksOf(markdown)).toEqual([
    { line: 4, language: 'js', code: 'first();\n', run: 'as it stands', ...plain },
    { line: 9, language: 'ts', code: 'second();\n', run: 'no', ...plain },
    { line: 17, language: 'js', code: 'third();\n  deeper();\n', run: 'with session', ...plain },
    {
      line: 23,
      language: 'html',
      code: '<p></p>\n',
      run: 'no',
      text: 'Once upon',
      file: 'app/index.html',
    },
    { line: 28, language: 'sh', code: 'npx rwkv-wasm serve\n', run: 'until', text: 'ready', file: undefined },
    {
      line: 33,
      language: 'text',
      code: 'It listens.\n',
      run: 'printed',
      text: 'npx rwkv-wasm serve',
      file: undefined,
    },
  ]);
});

test.each(['run: no', 'run: maybe', 'run: with friends', 'file: a b', 'printed: by somebody'])(
  'an unknown instruction is refused: %s',
  (said) => {
    expect(() => blocksOf(`<!-- ${said} -->\n${fence}js\n${fence}\n`)).toThrow(
      `line 1: '${said}' is no instruction`,
    );
  },
);

test('what no command has printed is refused', () => {
  expect(() => blocksOf(`<!-- printed: by the last command -->\n${fence}text\n${fence}\n`)).toThrow(
    'line 1: there is no command before it',
  );
});

test('commands are the lines of the package, joined where they go on', () => {
  const code = `npm install rwkv-wasm\nnpx rwkv-wasm a \\\n  --b # why\n# npx rwkv-wasm c\nnpx rwkv-wasm d | head\n`;
  expect(commandsOf(code)).toEqual(['npx rwkv-wasm a    --b # why', 'npx rwkv-wasm d | head']);
});
