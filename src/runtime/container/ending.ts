import { BayplanError } from '../../state/bayplan-error.ts';
import type { ShimClient } from './shim-client.ts';

export const SIGTERM = 15;
export const SIGKILL = 9;
/** setTimeout fires at once for more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A shim answers at once, but on a machine that has no time for it. */
const ANSWER_MS = 10_000;

/** A container that ended meanwhile needs no signal. Throws as `answered`. */
export async function sendSignal(shim: ShimClient, signal: number, all: boolean): Promise<void> {
  try {
    await answered(shim.signal(signal, all));
  } catch (error) {
    if (!(error instanceof BayplanError && error.code === 'shim-gone')) throw error;
  }
}

/** What a shim was asked. Throws BayplanError `shim-silent` where it does not answer in time: somebody has stopped it. What it was asked takes effect once it goes on. */
export async function answered(asked: Promise<void>): Promise<void> {
  if (await settledWithin(asked, ANSWER_MS)) return;
  asked.catch(() => undefined); // whoever waited for it has been told
  throw new BayplanError('shim-silent', 'its shim does not answer');
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
