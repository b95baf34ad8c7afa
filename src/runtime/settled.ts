/** Waits until all have ended, however they did, so that nothing of them is left to run against what follows; then rejects with the first failure. */
export async function settled(work: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(work);
  await Promise.all(work);
}
