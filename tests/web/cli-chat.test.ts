// rwkv-wasm chat and bench, with lines from a pipe and at a terminal.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { Wrapping } from '../../dist/cli/wrapping.js';
import { presets, RWKV } from '../../dist/node.js';
import { cli, ended, folder, oracle, run, start } from './command.js';
import { fakePackage } from './fake/package.js';
import { textOf } from './streams.js';

const { path, remove } = folder();
afterAll(remove);

const flags = ['--seed', '3', '--max-tokens', '20'];
const chat = (lines: string[], ...args: string[]) =>
  ended(start('chat', ...flags, ...args), lines.map((line) => `${line}\n`).join(''));

describe('lines from a pipe', () => {
  test('are continued one after another by a model that knows no conversations', async () => {
    const lines = ['Once upon a time', '', '//slash'];
    const { code, stdout, stderr } = await chat(lines);
    expect([code, stderr]).toEqual([0, '']);
    await using model = await RWKV.load();
    const session = await model.createSession({ seed: 3 });
    const options = { ...model.info.sampling, maxTokens: 20 };
    let expected = '';
    for (const line of ['Once upon a time', '', '/slash'])
      expected += `${await textOf(session.complete(line, options))}\n`;
    expect(stdout).toBe(expected);
  });

  test('are messages of one conversation with --template, behind the system text', async () => {
    const system = 'Tell a tale.';
    const { stdout } = await chat(
      ['Hello', 'And then?'],
      ...['--template', 'g1', '--system', system, '--preset', 'creative'],
    );
    await using model = await RWKV.load();
    const session = await model.createSession({ seed: 3 });
    const options = { ...presets.creative, template: 'g1', maxTokens: 20 } as const;
    const first = session.chat(
      [
        { role: 'system', content: system },
        { role: 'user', content: 'Hello' },
      ],
      options,
    );
    const replies = [
      await textOf(first),
      await textOf(session.chat([{ role: 'user', content: 'And then?' }], options)),
    ];
    expect(stdout).toBe(replies.map((reply) => `${reply.trimStart()}\n`).join(''));
    expect(replies.join('').length).toBeGreaterThan(20);
  });

  test('may take messages back, keep the conversation and go on with it', async () => {
    const kept = path('kept.state');
    const first = await chat(['Once upon a time', `/save ${kept}`, 'And then', '/rewind', 'And then']);
    expect([first.code, first.stderr]).toEqual([0, '']);
    const begun = (await chat(['Once upon a time'])).stdout;
    const twice = first.stdout.slice(begun.length);
    const reply = twice.slice(0, twice.length / 2);
    expect(reply.length).toBeGreaterThan(5);
    expect(first.stdout).toBe(begun + reply + reply);
    const chance = ['--max-tokens', '20']; // the kept one's
    const second = await ended(start('chat', '--state', kept, ...chance), 'And then\n');
    expect(second.stdout).toBe(reply);
    const third = await chat(['A king', `/load ${kept}`, 'And then']);
    expect(third.stdout.endsWith(reply)).toBe(true);
  });

  test('that are no commands or are refused are told on stderr, and the next is answered', async () => {
    const { code, stdout, stderr } = await chat([
      '/nope',
      '/save',
      '/rewind',
      `/save ${path('none')}`,
      '/load no/such/file',
      'The wolf',
      '/exit',
      'not heard',
    ]);
    expect(code).toBe(1);
    expect(stderr.split('\n')).toEqual([
      expect.stringMatching(/^rwkv-wasm: \/nope: no such command/),
      expect.stringMatching(/^rwkv-wasm: \/save: expected a FILE/),
      'rwkv-wasm: /rewind: there is nothing to take back',
      'rwkv-wasm: /save: nothing was said yet',
      expect.stringMatching(/^rwkv-wasm: .*file/),
      '',
    ]);
    expect(existsSync(path('none'))).toBe(false);
    expect(stdout).toBe((await chat(['The wolf'])).stdout);
  });

  test('/help lists the commands', async () => {
    const { stdout } = await chat(['/help']);
    for (const name of ['/help', '/reset', '/rewind', '/save FILE', '/load FILE', '/exit'])
      expect(stdout).toContain(`\n${name} `.slice(name === '/help' ? 1 : 0));
  });
});

test('Ctrl-C stops a reply; where there is none, it ends', async () => {
  const args = ['--max-tokens', '1000000', '--temperature', '3', '--top-p', '1'];
  const child = start('chat', ...args);
  const end = once(child, 'close');
  child.stdout?.setEncoding('utf8');
  let stdout = '';
  const said = new Promise<void>((resolve) => {
    child.stdout?.on('data', (piece) => {
      stdout += piece;
      if (stdout.includes('/rewind')) resolve();
    });
  });
  child.stdin?.write('Once\n');
  if (child.stdout) await once(child.stdout, 'data');
  child.kill('SIGINT');
  child.stdin?.write('/help\n');
  await said;
  child.kill('SIGINT');
  expect(await end).toEqual([130, null]);
});

// What is known of a terminal by its variables, whatever the tests themselves run in.
const unset = ['COLORTERM', 'CI', 'TMUX', 'NO_COLOR', 'FORCE_COLOR', 'CLICOLOR_FORCE', 'NODE_DISABLE_COLORS'];
const terminal = { TERM: 'xterm-256color', ...Object.fromEntries(unset.map((name) => [name, undefined])) };

/** What the command says at a terminal of `script`, and its exit code. Input is typed when what it waits for has come. */
async function atTerminal(
  args: string[],
  typing: [RegExp, string][],
  env: NodeJS.ProcessEnv = {},
  program = cli,
) {
  const command = `stty cols 40; ${[process.execPath, program, ...args].map((arg) => `'${arg}'`).join(' ')}`;
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    stdio: 'pipe',
    env: { ...process.env, ...terminal, ...env },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (piece) => {
    output += piece;
    const shown = stripVTControlCharacters(output);
    const [next] = typing;
    if (!next?.[0].test(shown)) return;
    typing.shift();
    child.stdin.write(next[1]);
  });
  const [code] = await once(child, 'close');
  return { code, output };
}

describe('at a terminal', () => {
  test('there is a prompt, and Ctrl-C twice ends', async () => {
    const { code, output } = await atTerminal(
      ['chat', ...flags],
      [
        [/> $/, 'Once upon\r'],
        [/Once upon[^>]*> $/, '\x03'],
        [/once more[^>]*> $/, '\x03'],
      ],
      { NO_COLOR: '1' },
    );
    expect(code).toBe(130);
    expect(output).toContain('/help tells more');
  });

  // The model says what it was told, but for a first letter, with | for line breaks.
  test('what was pasted, or goes on behind a backslash, is one message; arrows bring it back', async () => {
    const fake = await fakePackage();
    const model = path('echoes.pth');
    writeFileSync(model, 'fake echoes');
    const { output } = await atTerminal(
      ['chat', '--model', model, '--tokenizer', 'bytes', '--template', 'none'],
      [
        [/> $/, '\x1b[200~one\rtwo\x1b[201~ three\r'],
        [/\sone\|two three\s+> $/, 'four \\\r'],
        [/\. $/, 'five\r'],
        [/ \|five\s+> $/, 'six\r'],
        [/six\s+ix\s+> $/, '\x1b[A\r'],
        [/> > six\s+ix\s+> $/, '/save\r'],
        [/expected a FILE[^>]*> $/, '/exit\r'],
      ],
      { NO_COLOR: '1' },
      join(fake.folder, 'dist/cli.js'),
    );
    fake.remove();
    const shown = stripVTControlCharacters(output);
    expect(shown).toContain('echoes.pth knows no conversations and continues what you write');
    expect(shown).toContain('/save: expected a FILE behind it');
    expect(output).toContain('\x1b[?2004h');
    expect(output.trimEnd().endsWith('\x1b[?2004l')).toBe(true);
  });

  test('a status line never exceeds the width', async () => {
    const text = path('long.txt');
    writeFileSync(text, 'Once upon a time there was a fox. '.repeat(3000));
    const { code, output } = await atTerminal(
      ['perplexity', text, '--model', oracle, '--tokenizer', 'bytes'],
      [],
    );
    expect(code).toBe(0);
    const lines = output
      .split(/\r|\n/)
      .map(stripVTControlCharacters)
      .filter((line) => line.startsWith('['));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.every((line) => line.length < 40)).toBe(true);
    expect(lines.at(-1)).toMatch(/^\[#+-*\] \d+ %/);
  });

  test('colours are there, but not where NO_COLOR is set or where the output goes elsewhere', async () => {
    for (const args of [['--help'], ['no-such-command']]) {
      const { output } = await atTerminal(args, []);
      const plain = stripVTControlCharacters(output);
      expect(output).not.toBe(plain);
      expect((await atTerminal(args, [], { NO_COLOR: '1' })).output).toBe(plain);
      const { stdout, stderr } = await run(...args);
      expect(stdout + stderr).toBe(stripVTControlCharacters(stdout + stderr));
    }
  });
});

describe('words wrap at the edge,', () => {
  const wrapped = (pieces: readonly string[], columns: number) => {
    const wrapping = new Wrapping(() => columns);
    return pieces.map((piece) => wrapping.push(piece)).join('') + wrapping.rest();
  };
  test.each([
    ['between words', 'one two three', 8, 'one two\nthree'],
    ['not at all where they fit', 'one two', 7, 'one two'],
    ['where the text breaks its lines too', 'one\n\n two', 4, 'one\n\n two'],
    ['not within a word that is too long', 'a abcdefgh b', 4, 'a\nabcdefgh\nb'],
    ['anywhere in scripts without blanks', '\u4e00\u4e8c\u4e09\u56db', 4, '\u4e00\u4e8c\n\u4e09\u56db'],
    ['with the blanks at the end kept', 'one  ', 8, 'one  '],
  ])('%s, in whatever pieces they come', (_, text, columns, expected) => {
    expect(wrapped([text], columns)).toBe(expected);
    expect(wrapped([...text], columns)).toBe(expected);
  });
});

test.each([
  [['--template', 'chatml'], /choices are world, g1, none/],
  [['--think', 'on'], /--system and --think need --template/],
  [['--system', 'x', '--template', 'none'], /--system and --think need --template/],
  [['--think', 'short', '--template', 'world'], /--think/],
  [['--top-p', '7'], /--top-p: .*found 7/],
])('chat %j exits with 2 and says why', async (args, reason) => {
  const { code, stderr } = await chat([], ...args);
  expect([code, stderr]).toEqual([2, expect.stringMatching(reason)]);
});

test('bench tells how fast a model reads and generates, for people and for programs', async () => {
  const { code, stdout } = await run('bench', '--seconds', '0.02', '--json', '--threads', '1');
  expect(code).toBe(0);
  const { model, rows } = JSON.parse(stdout);
  expect(model).toMatchObject({ version: '7', threads: 1 });
  expect(rows.map(({ name }: { name: string }) => name)).toEqual([
    'prefill 128',
    'prefill 512',
    'decode',
    'batch 4',
    'batch 8',
  ]);
  for (const { tokens, ms, tokensPerSecond } of rows) {
    expect(tokens).toBeGreaterThanOrEqual(8);
    expect(tokensPerSecond).toBeCloseTo((tokens * 1000) / ms, 6);
  }
  const table = await run('bench', '--seconds', '0.02', '--model', oracle);
  expect(table.stdout).toMatch(
    /^v7-bf16\.pth, RWKV-7 q8, 1 thread of the CPU, \w+ build\nprefill 128 +[\d.]+ tok\/s\n/,
  );
  expect((await run('bench', '--seconds', '0')).code).toBe(2);
});
