/** Bytes that the browser will still let this site store, where it tells. */
export async function webRoom(): Promise<number | undefined> {
  const { quota, usage } = (await globalThis.navigator.storage?.estimate?.()) ?? {};
  return quota === undefined ? undefined : Math.max(0, quota - (usage ?? 0));
}
