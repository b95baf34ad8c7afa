import { nameOf, type ContainerSummary } from '../client/container-summary.ts';
import type { EngineClient } from '../client/engine-client.ts';
import type { Cli } from './cli.ts';
import { checkServices } from './no-service.ts';
import { tellSetAside } from './set-aside.ts';

/** Containers of a stack's services, one-offs left out, by name; of all services where none is named. Tells what of the stack cannot be read. Throws `no-service` for one that the stack does not have. */
export async function serviceContainers(stack: string, services: readonly string[], all: boolean, client: EngineClient, cli: Pick<Cli, 'stderr'>): Promise<readonly ContainerSummary[]> {
  await tellSetAside(stack, client, cli);
  const found = (await client.containers(stack, all)).filter(({ Bayplan }) => Bayplan.owner === 'stack');
  await checkServices(services, stack, found.map(({ Bayplan }) => Bayplan.service), client);
  return found.filter(({ Bayplan }) => services.length === 0 || services.includes(Bayplan.service)).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}
