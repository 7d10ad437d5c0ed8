/** Bytes that the browser will still let this site store, where it tells. */
export async function webRoom(): Promise<number | undefined> {
  const { storage }: { readonly storage?: StorageManager } = navigator;
  const { quota, usage } = (await storage?.estimate?.().catch(() => undefined)) ?? {};
  return quota === undefined ? undefined : Math.max(0, quota - (usage ?? 0));
}
