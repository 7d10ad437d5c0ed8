// How the command line tells what failed: in the words of whoever typed it.
import type { Command } from 'commander';
import { sentence } from '../shared/errors.js';

/** A sentence: errors of the system begin with the file, once, not with their code. */
export function plainly(error: unknown): string {
  return sentence(error).replace(
    /\bE[A-Z0-9]+: ([^,\n]+), \w+(?: '([^']*)')?(?: -> '([^']*)')?/,
    (_, what, from, to, at, all) => {
      const file = to ?? from;
      return file === undefined || all.slice(0, at).includes(file) ? what : `${file}: ${what}`;
    },
  );
}

/** The same, with options called as they were typed. */
export function failureOf(error: unknown, program: Command, typed: readonly string[]): string {
  return plainly(error).replace(/^option (\w+)/, (all, name) => flagOf(name, program, typed) ?? all);
}

function flagOf(name: string, program: Command, typed: readonly string[]): string | undefined {
  const option = [program, ...program.commands]
    .flatMap(({ options }) => options)
    .find((option) => option.attributeName() === name);
  const { short, long } = option ?? {};
  return short && typed.some((word) => /^-\w/.test(word) && word.startsWith(short)) ? short : long;
}
