export const dawnModule: string;
export function installDawn(): void;
