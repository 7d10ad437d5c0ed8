/** Whose code is in something: an npm package, or what the modules are linked of. */
export interface ForeignPart {
  readonly name: string;
  /** Undefined where it is not told. */
  readonly version: string | undefined;
  /** An SPDX expression. */
  readonly license: string;
  readonly homepage: string | undefined;
  readonly text: string;
  readonly isPackage?: boolean;
  readonly libraries?: readonly string[];
}
export const noticesName: string;
export function partsOfModules(): readonly ForeignPart[];
export function partsIn(files: Iterable<string>): ForeignPart[];
export function noticesOf(files: Iterable<string>): string;
/** A plugin of Rolldown and Vite. */
export function takenFiles(files: Set<string>): import('vite').Plugin;
