import { BayplanError } from '../../state/bayplan-error.ts';
import type { ShimClient } from './shim-client.ts';

export const SIGTERM = 15;
export const SIGKILL = 9;
/** setTimeout fires at once for more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A container that ended meanwhile needs no signal. */
export async function sendSignal(shim: ShimClient, signal: number, all: boolean): Promise<void> {
  try {
    await shim.signal(signal, all);
  } catch (error) {
    if (!(error instanceof BayplanError && error.code === 'shim-gone')) throw error;
  }
}

/** Whether the promise settles in that time. */
export async function settledWithin(promise: Promise<void>, ms: number): Promise<boolean> {
  if (ms > LONGEST_TIMER_MS) return promise.then(() => true);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
