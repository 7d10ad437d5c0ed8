// `npm run --silent sbom > sbom.json`: what ships is made of, as CycloneDX: the dependencies, which npm lists itself, and the
// code that is built in. Wants what `npm run build` has built.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleScripts } from './bundle.mjs';
import { partsIn } from './notices.mjs';

const home = fileURLToPath(new URL('..', import.meta.url));
const { name } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));

const flags = ['--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only'];
const listed = execFileSync('npm', ['sbom', ...flags], { cwd: home, encoding: 'utf8' });
const bill = JSON.parse(listed);
bill.metadata.component.name = name; // npm says the folder's

const { files } = await bundleScripts();
const known = new Set(bill.components.map((component) => component.name));
const builtIn = partsIn(files).filter((part) => !known.has(part.name));
bill.components.push(...builtIn.map(componentOf));
const { dependsOn } = bill.dependencies.find(({ ref }) => ref === bill.metadata.component['bom-ref']);
for (const part of builtIn) {
  dependsOn.push(referenceTo(part));
  bill.dependencies.push({ ref: referenceTo(part), dependsOn: [] });
}
console.log(JSON.stringify(bill, undefined, 2));

function referenceTo({ name, version }) {
  return version ? `${name}@${version}` : name;
}

function componentOf(part) {
  const { name, version, license, homepage, isPackage } = part;
  const kind = isPackage ? 'npm' : 'generic';
  const path = name.split('/').map(encodeURIComponent).join('/');
  return {
    'bom-ref': referenceTo(part),
    type: 'library',
    name,
    ...(version && { version }),
    scope: 'required',
    purl: `pkg:${kind}/${path}${version ? `@${version}` : ''}`,
    licenses: [{ expression: license }],
    externalReferences: homepage ? [{ type: 'website', url: homepage }] : [],
  };
}
