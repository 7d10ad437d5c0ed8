// The packed package in projects that others begin, with the versions that npm has today: what is not in a lock file of ours.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { node24 } from '../package/node24.js';
import { createProject, type Project, repository } from '../package/packed.js';
import { bundlers } from './bundlers.js';
import { frameworks } from './frameworks.js';
import { runtimes } from './runtimes.js';
import { closeBrowser, story, type Toolchain, usePrograms } from './toolchain.js';

const toolchains: readonly Toolchain[] = [...bundlers, ...frameworks, ...runtimes];
const tenMinutes = 600_000;

// What was found, also before: a run of some (-t) renews their lines of the table.
const kept = join(repository, 'build/toolchains.json');
type Found = Record<string, readonly string[]>;
const found = (): Found => (existsSync(kept) ? JSON.parse(readFileSync(kept, 'utf8')) : {});

function note(name: string, ...cells: readonly string[]): void {
  mkdirSync(dirname(kept), { recursive: true });
  writeFileSync(kept, JSON.stringify({ ...found(), [name]: cells }));
}

afterAll(async () => {
  await closeBrowser();
  const before = found();
  const rows = toolchains.map(({ name }) => [name, ...(before[name] ?? ['', 'not tried', '', ''])]);
  const table = [
    ['tool', 'version', 'result', 'seconds to the story', 'lines'],
    ['---', '---', '---', '---', '---'],
    ...rows,
  ];
  console.log(table.map((cells) => `| ${cells.join(' | ')} |`).join('\n'));
});

const readme = readFileSync(join(repository, 'README.md'), 'utf8');

/** Of the first package that was asked for. */
function versionIn({ folder }: Project, asked = ''): string {
  const name = asked.replace(/(?<=.)@[\d.]+$/, '');
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}

test.each(toolchains)(
  '$name',
  async ({ name, packages, files, lines = [], newerNode, tells = new RegExp(story), tell }) => {
    for (const line of lines) expect(readme).toContain(line);
    note(name, '', 'fails', '', '');
    const restore = newerNode ? usePrograms(dirname(node24())) : () => {};
    const project = createProject(files, packages);
    try {
      const { text, seconds } = await tell(project);
      expect(text).toMatch(tells);
      note(name, versionIn(project, packages[0]), 'works', seconds?.toFixed(1) ?? '', String(lines.length));
    } finally {
      project.remove();
      restore();
    }
  },
  tenMinutes,
);
