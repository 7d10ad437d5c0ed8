// The examples of a page such as README. A comment in the line before a block says how it is run, where it does not run as
// it stands:
//
//   <!-- run: no, REASON -->         not at all
//   <!-- run: with model -->         with `model`, the storyteller; `with session`: and with `session`, a fresh one of it
//   <!-- run: browser -->            js, ts, html: in a page, whose import map has the package
//   <!-- run: until TEXT -->         sh: until it prints TEXT; then it is asked to end and must do so without an error
//   <!-- file: PATH -->              not run but written to PATH, for the blocks behind it
//   <!-- file: APP/index.html; shows: TEXT -->   the page of a Vite app in folder APP, which is built and must show TEXT
//   <!-- printed: by the last command -->   text: what the last command before it prints, its long lines broken at blanks
//
// js and ts blocks are modules of their own in Node, and find the package's names even where they do not import them. Of an
// sh block the lines run that begin with `npx rwkv-wasm`, one after the other, in the same folder as all other blocks. Blocks
// of text are examples only where they are printed.

/** The languages whose blocks are examples. */
const languages = ['js', 'ts', 'sh', 'html', 'text'] as const;
export type Language = (typeof languages)[number];

export interface Block {
  /** Of its first line of code, from 1. */
  readonly line: number;
  readonly language: Language;
  readonly code: string;
  /** How it is run; `as it stands` without a comment. */
  readonly run: 'as it stands' | 'no' | 'browser' | 'with model' | 'with session' | 'until' | 'printed';
  /** What is waited for: in print with `until`, on the page of an app. With `printed` the command. */
  readonly text: string;
  /** Where it is written to. */
  readonly file: string | undefined;
}

/** @throws Error that names the line of a comment that says nothing known */
export function blocksOf(markdown: string): Block[] {
  const lines = markdown.split('\n');
  const blocks: Block[] = [];
  for (let i = 0; i < lines.length; i++) {
    const [, indent = '', fence, language] = /^( *)(`{3,})(\w*)/.exec(lines[i] ?? '') ?? [];
    if (fence === undefined) continue;
    const start = i + 1;
    do i++;
    while (i < lines.length && lines[i]?.trim() !== fence);
    const known = languages.find((name) => name === language);
    if (known === undefined) continue;
    const code = lines.slice(start, i).map((line) => line.replace(new RegExp(`^ {0,${indent.length}}`), ''));
    const comment = lines.slice(0, start - 1).findLast((line) => line.trim() !== '');
    const { run, text, file } = instruction(comment ?? '', start);
    if (known === 'text' && run !== 'printed') continue;
    blocks.push({
      line: start + 1,
      language: known,
      code: `${code.join('\n')}\n`,
      run,
      text: run === 'printed' ? lastCommand(blocks, start) : text,
      file,
    });
  }
  return blocks;
}

function instruction(comment: string, line: number): Pick<Block, 'run' | 'text' | 'file'> {
  const [, said] = /^\s*<!--\s*((?:run|file|printed):.*?)\s*-->\s*$/.exec(comment) ?? [];
  if (said === undefined) return { run: 'as it stands', text: '', file: undefined };
  const [, path, shown = ''] = /^file: ([\w./-]+)(?:; shows: (.+))?$/.exec(said) ?? [];
  if (path !== undefined) return { run: 'no', text: shown, file: path };
  const [, until] = /^run: until (.+)$/.exec(said) ?? [];
  if (until !== undefined) return { run: 'until', text: until, file: undefined };
  if (said === 'printed: by the last command') return { run: 'printed', text: '', file: undefined };
  if (/^run: no, \w/.test(said)) return { run: 'no', text: '', file: undefined };
  const [, how] = /^run: (browser|with model|with session)$/.exec(said) ?? [];
  if (how === 'browser' || how === 'with model' || how === 'with session')
    return { run: how, text: '', file: undefined };
  throw new Error(`line ${line - 1}: '${said}' is no instruction of tests/package/readme-blocks.ts`);
}

function lastCommand(blocks: readonly Block[], line: number): string {
  const command = blocks.flatMap(({ language, code }) => (language === 'sh' ? commandsOf(code) : [])).at(-1);
  if (command !== undefined) return command;
  throw new Error(`line ${line - 1}: there is no command before it that could print this`);
}

/** The commands of an sh block that are run: lines continued by a backslash are one. */
export function commandsOf(code: string): string[] {
  return code
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => /^npx rwkv-wasm\b/.test(line));
}
