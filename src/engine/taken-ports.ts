import type { Containers } from '../runtime/container/containers.ts';
import { portGroup } from '../runtime/container/port-group.ts';
import type { Networks } from '../runtime/network/networks.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { ContainerSpec, Identity } from '../state/container.ts';
import type { NetworkSpec } from '../state/network.ts';
import type { Plan } from '../state/plan.ts';

export interface PortWorld { readonly containers: Pick<Containers, 'list'>; readonly networks: Pick<Networks, 'spec' | 'checkPorts'> }

/** One that ports are to lead to; `id` is '' for one that is yet to be made. */
interface Publishing { readonly id: string; readonly identity: Identity; readonly spec: ContainerSpec }

/** Throws BayplanError `port-taken` where somebody else has a host port that the container publishes. What another of its stack has, its plan takes away in time. */
export async function refuseTakenPorts({ containers, networks }: PortWorld, { id, identity, spec }: Publishing, specOf: (network: string) => NetworkSpec | null = (network) => networks.spec(network)): Promise<void> {
  if (spec.ports.length === 0) return;
  const bridges = Object.entries(spec.networks).flatMap(([network, { gatewayPriority }]) => ({ ...specOf(network), gatewayPriority })).filter(({ driver, internal }) => driver === 'bridge' && internal === false);
  // Its ports lead to the first of them.
  const [first] = bridges.sort((a, b) => b.gatewayPriority - a.gatewayPriority);
  if (first === undefined) return; // it publishes none
  const isKin = (other: string): boolean => identity.owner !== 'api' && [...containers.list().values()].some(({ identity: its, status }) => status?.id === other && its.stack === identity.stack);
  await networks.checkPorts({ container: id, ports: spec.ports, group: portGroup(identity, id) }, first.ipv6 === true, isKin);
}

/**
 * Who has what a plan would publish, or which of its addresses are not this host's, a line for each container that would be made, started or changed for it: known before any network or container is. A one-off is started as soon as it is made.
 */
export async function takenPorts(world: PortWorld, { steps }: Plan): Promise<readonly string[]> {
  const made = new Map(steps.flatMap((step) => (step.action === 'create-container' ? [[step.args.name, step.args] as const] : [])));
  const changed = new Map(steps.flatMap((step) => (step.action === 'update-container' ? [[step.args.name, step.args.changes] as const] : [])));
  const coming = new Map(steps.flatMap((step) => (step.action === 'create-network' ? [[step.args.name, step.args.network] as const] : [])));
  const all = world.containers.list();
  const asked = new Set<string>();
  const lines: string[] = [];
  for (const { id: step, action, args } of steps) {
    const publishes = action === 'start-container' || action === 'publish-ports' || (action === 'create-container' && args.identity.owner === 'oneoff');
    if (!publishes || asked.has(args.name)) continue;
    asked.add(args.name);
    const there = all.get(args.name);
    const { identity, spec } = made.get(args.name) ?? there ?? {};
    if (identity === undefined || spec === undefined) continue; // it comes by another name, under which it is looked at
    const id = made.has(args.name) ? '' : there?.status?.id ?? '';
    const ports = changed.get(args.name)?.ports ?? spec.ports;
    await refuseTakenPorts(world, { id, identity, spec: { ...spec, ports } }, (network) => coming.get(network) ?? world.networks.spec(network)).catch((error: unknown) => {
      if (!(error instanceof BayplanError && (error.code === 'port-taken' || error.code === 'bad-request'))) throw error;
      lines.push(`${step}: ${error.message}`);
    });
  }
  return lines;
}
