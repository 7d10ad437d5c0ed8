// What makes a built page an app that opens without a network: a manifest, icons, and a service worker that keeps every
// file of the build, the notices of other people's code among them.
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type HtmlTagDescriptor, type Plugin, type ResolvedConfig } from 'vite';
import { noticesName, noticesOf, takenFiles } from '../../../wasm/notices.mjs';
import { drawIcons } from './icons.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const link = (attrs: Record<string, string>): HtmlTagDescriptor => ({ tag: 'link', attrs, injectTo: 'head' });
const tags: HtmlTagDescriptor[] = [
  link({ rel: 'manifest', href: './manifest.webmanifest' }),
  link({ rel: 'icon', href: './icon.svg', type: 'image/svg+xml' }),
  link({ rel: 'apple-touch-icon', href: './apple-touch-icon.png' }),
];

const name = 'service-worker.js';

/** A file of the site as Workbox wants it; no revision: the name tells it. */
interface Entry {
  readonly url: string;
  readonly revision: string | null;
}

/** @param files - of which the page is made; those of the service worker are added */
export function offline(files: Set<string>): Plugin {
  let config: ResolvedConfig;
  return {
    name: 'offline',
    configResolved(resolved) {
      config = resolved;
    },
    // With what the first story is told by, before a script asks for it.
    transformIndexHtml: {
      order: 'post',
      handler: (_, { bundle = {} }) => [
        ...tags,
        ...Object.keys(bundle)
          .filter((file) => file.endsWith('.safetensors'))
          .map((file) => link({ rel: 'preload', as: 'fetch', crossorigin: '', href: `./${file}` })),
      ],
    },
    async generateBundle() {
      for (const icon of await drawIcons())
        this.emitFile({ type: 'asset', fileName: icon.name, source: icon.source });
    },
    closeBundle: {
      order: 'post',
      sequential: true,
      async handler() {
        if (config.command !== 'build') return; // a server closes too
        const site = config.build.outDir;
        // Twice: the first time to know of what it is made, for that stands in a file of the site, all of which it lists.
        await buildServiceWorker([], { write: false }, files);
        await writeFile(join(site, noticesName), noticesOf(files));
        await buildServiceWorker(await entries(site, config.build.assetsDir), { outDir: site }, files);
      },
    },
  };
}

async function entries(site: string, hashed: string): Promise<Entry[]> {
  const found = await readdir(site, { recursive: true, withFileTypes: true });
  const paths = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const made = paths.map(async (path) => {
    const url = relative(site, path).split(sep).join('/');
    const digest = async () =>
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex')
        .slice(0, 16);
    return { url, revision: url.startsWith(`${hashed}/`) ? null : await digest() };
  });
  const all = await Promise.all(made);
  return all.filter(({ url }) => url !== name).sort((a, b) => (a.url < b.url ? -1 : 1));
}

/** One file of its own, beside index.html: its folder is what it may serve. */
function buildServiceWorker(precached: Entry[], options: BuildOptions, files: Set<string>) {
  return build({
    configFile: false,
    publicDir: false,
    plugins: [takenFiles(files)],
    logLevel: 'warn',
    define: { __PRECACHED__: JSON.stringify(precached), 'process.env.NODE_ENV': '"production"' },
    build: {
      ...options,
      emptyOutDir: false,
      target: 'es2022',
      lib: {
        entry: here('../service-worker/service-worker.ts'),
        formats: ['iife'],
        name: 'offline',
        fileName: () => name,
      },
    },
  });
}
