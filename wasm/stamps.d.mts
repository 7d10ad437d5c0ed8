/** Something that is made of files. */
export interface Part {
  /** The folder that all paths start from. */
  readonly root: string;
  readonly stamp: string;
  inputs(): string[];
  outputs(): string[];
  readonly settings?: Readonly<Record<string, string | undefined>>;
}
export function filesBelow(root: string, paths: readonly string[], wanted?: RegExp): string[];
export function isCurrent(part: Part): boolean;
export function make<Result>(part: Part, work: () => Result | Promise<Result>): Promise<Result>;
export function forget(part: Part): void;
