import type { Container } from '../state/container.ts';
import type { Desired, State } from '../state/state.ts';

export type GraphKind = 'service' | 'network' | 'volume' | 'config' | 'secret';

/**
 * How far what a node stands for is as it should be. `ready`: all replicas run, and are healthy where that is checked; `completed`: all have ended with 0; `starting`: not all of them yet;
 * `failed`: one has ended with an error, or is unhealthy; `absent`: not made; `external`: another's; `unknown`: nobody was asked.
 */
export type GraphState = 'ready' | 'completed' | 'starting' | 'failed' | 'absent' | 'external' | 'unknown';

/** `id` is unique and stable: kind and name, as `service web`. `details` are further lines of its label. */
export interface GraphNode { readonly id: string; readonly kind: GraphKind; readonly name: string; readonly details: readonly string[]; readonly state: GraphState }

/** From who needs to what is needed; both are ids. */
export interface GraphEdge { readonly from: string; readonly to: string; readonly kind: 'depends' | 'attached' | 'mounts' | 'reads' | 'shares'; readonly label: string }

export interface StackGraph { readonly version: 1; readonly stack: string; readonly nodes: readonly GraphNode[]; readonly edges: readonly GraphEdge[] }

/** A stack as a graph. `actual` null: nobody knows the states. The order is the names'. */
export function graphOf(desired: Desired, actual: State | null): StackGraph {
  const services = Object.entries(desired.services).toSorted(byName);
  const nodes: GraphNode[] = [
    ...services.map(([name, { replicas, vacant, template }]): GraphNode => {
      const made = Object.values(actual?.containers ?? {}).filter(({ identity }) => identity.owner === 'stack' && identity.service === name);
      const ports = template.ports.map(({ hostIp, published, target, protocol }) => `${hostIp === '' ? '' : `${hostIp}:`}${published ?? ''}→${target}${protocol === 'tcp' ? '' : `/${protocol}`}`);
      const state = actual === null ? 'unknown' : serviceState(made, replicas - (vacant?.length ?? 0));
      return { id: `service ${name}`, kind: 'service', name, details: [template.image, ...(replicas === 1 ? [] : [`${replicas} replicas`]), ...ports, ...(state === 'unknown' ? [] : [state])], state };
    }),
    ...Object.entries(desired.networks).toSorted(byName).map(([name, { spec }]): GraphNode => {
      const status = actual?.networks[name]?.status;
      const pools = (status?.pools ?? spec.ipam).map(({ subnet }) => subnet).filter((subnet) => subnet !== '');
      return { id: `network ${name}`, kind: 'network', name, details: [...(spec.driver === 'bridge' ? [] : [spec.driver]), ...(spec.internal ? ['internal'] : []), ...pools], state: resourceState(actual, spec.external, status?.present === true) };
    }),
    ...Object.entries(desired.volumes).toSorted(byName).map(([name, { spec }]): GraphNode => (
      { id: `volume ${name}`, kind: 'volume', name, details: [], state: resourceState(actual, spec.external, actual?.volumes[name] !== undefined) })),
    ...Object.entries(desired.contents).toSorted(byName).map(([key, { kind, external }]): GraphNode => (
      { id: key, kind, name: key.slice(kind.length + 1), details: [], state: external ? 'external' : 'unknown' })),
  ];
  const known = new Set(nodes.map(({ id }) => id));
  return { version: 1, stack: desired.stack, nodes, edges: services.flatMap(([name]) => edgesOf(name, desired)).filter(({ to }) => known.has(to)) };
}

function edgesOf(name: string, desired: Desired): readonly GraphEdge[] {
  const service = desired.services[name];
  if (service === undefined) return [];
  const { dependsOn, template } = service;
  const from = `service ${name}`;
  const home = /^container:(.+)$/.exec(template.networkMode)?.[1];
  const donor = Object.keys(desired.services).find((other) => home === desired.services[other]?.containerName || home?.startsWith(`${desired.stack}-${other}-`) === true);
  return [
    ...Object.entries(dependsOn).toSorted(byName).map(([other, { condition }]): GraphEdge => ({ from, to: `service ${other}`, kind: 'depends', label: condition === 'service_started' ? '' : condition.replace('service_', '').replaceAll('_', ' ') })),
    ...(donor === undefined ? [] : [{ from, to: `service ${donor}`, kind: 'shares', label: 'network of' } as const]),
    ...Object.entries(template.networks).toSorted(byName).map(([network, { ipv4Address }]): GraphEdge => ({ from, to: `network ${network}`, kind: 'attached', label: ipv4Address ?? '' })),
    ...template.mounts.flatMap((mount): readonly GraphEdge[] => (mount.type === 'volume' && mount.source !== null
      ? [{ from, to: `volume ${mount.source}`, kind: 'mounts', label: `${mount.target}${mount.readOnly ? ' (read-only)' : ''}` }] : [])),
    ...template.contents.map(({ name: key, target }): GraphEdge => ({ from, to: key, kind: 'reads', label: target })),
  ];
}

function serviceState(containers: readonly Container[], replicas: number): GraphState {
  const states = containers.map(({ status }): GraphState => {
    if (status === null || status.phase === 'created') return 'starting';
    if (status.phase === 'running') return status.health === 'unhealthy' ? 'failed' : status.health === 'starting' ? 'starting' : 'ready';
    return status.phase === 'exited' && status.exitCode === 0 ? 'completed' : 'failed';
  });
  if (states.length === 0) return replicas === 0 ? 'ready' : 'absent';
  if (states.includes('failed')) return 'failed';
  if (states.includes('starting') || states.length < replicas) return 'starting';
  return states.includes('ready') ? 'ready' : 'completed';
}

function resourceState(actual: State | null, external: boolean, present: boolean): GraphState {
  if (external) return 'external';
  return actual === null ? 'unknown' : present ? 'ready' : 'absent';
}

function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}
