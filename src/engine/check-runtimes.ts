import type { Runtimes } from '../runtime/foreign/runtimes.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Desired } from '../state/state.ts';

/** Throws BayplanError `bad-request`, naming the service, where a runtime that is asked for is not there: before anything is made. */
export function checkRuntimes(desired: Desired, runtimes: Runtimes): void {
  const services = Object.entries(desired.services).map(([name, { template }]) => [`service ${name}`, template] as const);
  const containers = Object.entries(desired.containers).map(([name, { spec }]) => [`container ${name}`, spec] as const);
  for (const [who, { runtime }] of [...services, ...containers]) {
    try {
      runtimes.find(runtime);
    } catch (error) {
      throw error instanceof BayplanError ? new BayplanError(error.code, `${who}: ${error.message}`, { cause: error }) : error;
    }
  }
}
