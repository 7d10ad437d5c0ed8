/** The module that `rwkv-wasm complete` takes by itself in this Node with such arguments. */
export function moduleOfThisNode(args: readonly string[]): string;
