import type { ContainerSummary } from '../client/container-summary.ts';
import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';
import { checkServices } from './no-service.ts';
import { tellSetAside } from './set-aside.ts';

/** The running container of a service that is meant: the first one, or number `index`; else, as with docker compose, the latest one-off of it. Throws `not-running`, `no-service`. */
export async function runningContainer(stack: string, service: string, index: string | undefined, client: EngineClient, cli: Pick<Cli, 'stderr'>): Promise<ContainerSummary> {
  const any = index === undefined || index === '0';
  const running = (await client.containers(stack, false)).filter(({ Bayplan }) => Bayplan.service === service && Bayplan.owner !== 'hook' && (any || (Bayplan.owner === 'stack' && String(Bayplan.slot) === index)));
  const [container] = running.toSorted((a, b) => Number(a.Bayplan.owner !== 'stack') - Number(b.Bayplan.owner !== 'stack') || (a.Bayplan.owner === 'stack' ? a.Bayplan.slot - b.Bayplan.slot : b.Created - a.Created));
  if (container !== undefined) return container;
  await tellSetAside(stack, client, cli);
  await checkServices([service], stack, (await client.containers(stack, true)).map(({ Bayplan }) => Bayplan.service), client);
  throw new BayplanError('not-running', `no container${any ? '' : ` ${index}`} of service "${service}" is running in stack "${stack}": see \`bayplan ps -a\``);
}
