import type { ContainerSummary } from '../client/container-summary.ts';
import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { checkServices } from './no-service.ts';

/** The running container of a service that is meant: the first one, or number `index`. Throws `not-running`, `no-service`. */
export async function runningContainer(stack: string, service: string, index: string | undefined, client: EngineClient): Promise<ContainerSummary> {
  const running = (await client.containers(stack, false)).filter(({ Bayplan }) => Bayplan.service === service && Bayplan.owner === 'stack' && (index === undefined || String(Bayplan.slot) === index));
  const [container] = running.toSorted((a, b) => a.Bayplan.slot - b.Bayplan.slot);
  if (container !== undefined) return container;
  await checkServices([service], stack, (await client.containers(stack, true)).map(({ Bayplan }) => Bayplan.service), client);
  throw new BayplanError('not-running', `no container${index === undefined ? '' : ` ${index}`} of service "${service}" is running in stack "${stack}": see \`bayplan ps -a\``);
}
