// clang++ with the libraries of its fuzzers, sanitizers and counters: Debian's comes without where recommended packages are not installed.
import { spawnSync } from 'node:child_process';
import { installCommand, installPackages, onPath } from './programs.mjs';

const program = 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }';

function links(flags) {
  const main = flags.some((flag) => flag.includes('fuzzer')) ? '' : 'int main() {}';
  const args = [...flags, '-x', 'c++', '-', '-o', '/dev/null'];
  return (
    onPath('clang++') !== undefined && spawnSync('clang++', args, { input: program + main }).status === 0
  );
}

/** Debian's number of the clang++ that there is. */
export function clangVersion() {
  const { stdout } = spawnSync('clang++', ['--version'], { encoding: 'utf8' });
  return /version (\d+)/.exec(stdout ?? '')?.[1] ?? '14';
}

/** Whether clang++ links with such flags, perhaps because of what was installed now; says what `what` needs where it does not. */
export function ensureClang(what, flags) {
  if (links(flags)) return true;
  if (!onPath('clang++')) installPackages('clang');
  const runtime = `libclang-rt-${clangVersion()}-dev`;
  if (!links(flags)) installPackages(runtime);
  if (links(flags)) return true;
  console.log(`${what}: needs clang++ with ${flags.join(' ')}, \`${installCommand('clang', runtime)}\``);
  return false;
}
