import { BayplanError } from '../../state/bayplan-error.ts';

/** Does `work`; a full disk is told in words. `what`: what did not come about, and what to do. Rejects with BayplanError `disk-full` then. */
export async function tellingFullDisk<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') throw new BayplanError('disk-full', `the disk is full: ${what}`, { cause: error });
    throw error;
  }
}
