import type { CdiDevices } from '../runtime/cdi/cdi-devices.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Desired } from '../state/state.ts';

/** Throws BayplanError `bad-request`, naming the service, where a CDI device that is asked for is not there: before anything is made. */
export async function checkDevices({ services, containers }: Desired, cdi: CdiDevices): Promise<void> {
  const specs = [...Object.entries(services).map(([name, { template }]) => [`service "${name}": `, template] as const), ...Object.values(containers).map(({ spec }) => ['', spec] as const)];
  for (const [who, { deviceRequests }] of specs) {
    if (deviceRequests.length === 0) continue;
    try {
      await cdi.edits(deviceRequests);
    } catch (error) {
      throw error instanceof BayplanError ? new BayplanError(error.code, `${who}${error.message}`, { cause: error }) : error;
    }
  }
}
