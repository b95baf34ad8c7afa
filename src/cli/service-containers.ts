import { nameOf, type ContainerSummary } from '../client/container-summary.ts';
import type { EngineClient } from '../client/engine-client.ts';
import { checkServices } from './no-service.ts';

/** Containers of a stack's services, one-offs left out, by name; of all services where none is named. Throws `no-service` for one that the stack does not have. */
export async function serviceContainers(stack: string, services: readonly string[], all: boolean, client: EngineClient): Promise<readonly ContainerSummary[]> {
  const found = (await client.containers(stack, all)).filter(({ Bayplan }) => Bayplan.owner === 'stack');
  await checkServices(services, stack, found.map(({ Bayplan }) => Bayplan.service), client);
  return found.filter(({ Bayplan }) => services.length === 0 || services.includes(Bayplan.service)).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}
