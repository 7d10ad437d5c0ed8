// The links of every page of this repository lead to files and headings that are there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from './packed.js';

const pages = ['.', 'src', 'tests', 'wasm', 'web'].flatMap((folder) =>
  readdirSync(join(repository, folder), { recursive: folder !== '.', encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);
const markdownOf = (page: string) => readFileSync(join(repository, page), 'utf8');
const withoutCode = (markdown: string) =>
  markdown.replaceAll(/^( *)```[\s\S]*?^\1```$/gm, '').replaceAll(/`[^`\n]*`/g, '');

/** What links say of headings: their words in small letters, joined by hyphens. */
const anchorsOf = (markdown: string) =>
  [...markdown.replaceAll('`', '').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  );

test.each(pages)('%s', (page) => {
  const links = withoutCode(markdownOf(page)).matchAll(/\]\(([^)#\s]*)#?([^)\s]*)\)/g);
  for (const [link, path = '', heading = ''] of links) {
    if (/^\w+:/.test(path)) continue; // on the network
    const target = normalize(path === '' ? page : join(dirname(page), path));
    expect(existsSync(join(repository, target)), link).toBe(true);
    if (heading !== '') expect(anchorsOf(markdownOf(target)), link).toContain(heading);
  }
});

test('there are pages', () => {
  expect(pages).toContain('README.md');
  expect(pages).toContain(join('src', 'README.md'));
});
