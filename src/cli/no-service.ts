import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';

/** A service was named that `where` does not have; `there`: those that it has. */
export function noService(name: string, where: string, there: readonly string[]): BayplanError {
  return new BayplanError('no-service', `no service "${name}" in ${where}: it has ${there.length === 0 ? 'none' : there.join(', ')}`);
}

/** Throws for the first of `services` that a stack neither has a container of nor desires; `found`: services of its containers. */
export async function checkServices(services: readonly string[], stack: string, found: readonly string[], client: EngineClient): Promise<void> {
  if (services.every((service) => found.includes(service))) return;
  const { desired } = await client.stack(stack);
  const there = [...new Set([...found, ...Object.keys(desired?.services ?? {}), ...(desired?.inactive ?? [])])].sort();
  const unknown = services.find((service) => !there.includes(service));
  if (unknown !== undefined) throw noService(unknown, `stack "${stack}"`, there);
}
