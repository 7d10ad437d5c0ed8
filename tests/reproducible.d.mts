/** Bytes by the file's name. */
export type Files = ReadonlyMap<string, Uint8Array>;
/** Builds all that ships in a folder into which the tracked files are copied; without modules those of this checkout are taken. */
export function buildCopy(folder: string, options?: { modules?: boolean }): Promise<void>;
/** What ships, of a checkout that is built: the files of dist/, the tarball and the site. */
export function productsOf(checkout: string): Files;
/** The names of files that are not the same in both. */
export function differences(some: Files, others: Files): string[];
