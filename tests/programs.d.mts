/** Where a program lies, if it is on PATH. */
export function onPath(name: string): string | undefined;
/** What someone would have to run to get packages of Debian. */
export function installCommand(...packages: readonly string[]): string;
/** Installs packages of Debian where that is allowed; whether they are there then. */
export function installPackages(...packages: readonly string[]): boolean;
/** The path of a Node with relaxed SIMD: this one, or one that is installed for the tests. Throws where npm cannot. */
export function modernNode(): string;
