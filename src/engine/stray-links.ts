import type { Containers } from '../runtime/container/containers.ts';
import { replicaName } from '../state/replica-name.ts';
import type { Desired } from '../state/state.ts';

/** Links to what is neither of the stack nor a container that there is, nor a name that one has on a network: a line each. They are resolved once it comes. */
export function strayLinks(stack: string, { services }: Pick<Desired, 'services'>, containers: Pick<Containers, 'list'>): readonly string[] {
  const linked = Object.entries(services).flatMap(([name, { template }]) => Object.entries(template.links).map(([alias, to]) => ({ name, alias, to })));
  if (linked.length === 0) return [];
  const known = new Set([
    ...Object.entries(services).flatMap(([name, { template, replicas, containerName }]) => [name, template.hostname ?? '', ...aliases(template), ...Array.from({ length: replicas }, (_, at) => replicaName(stack, name, containerName, at + 1))]),
    ...[...containers.list()].flatMap(([name, { identity, spec, status }]) => [name, identity.service, spec.hostname ?? '', status?.id.slice(0, 12) ?? '', status?.id ?? '', ...aliases(spec)]),
  ]);
  return linked.filter(({ to }) => !known.has(to)).map(({ name, alias, to }) => `service ${name}: links: there is no container "${to}"${alias === to ? '' : `, so "${alias}" leads nowhere`} until one comes`);
}

function aliases({ networks }: Desired['services'][string]['template']): readonly string[] {
  return Object.values(networks).flatMap((attachment) => attachment.aliases);
}
