import { BayplanError } from '../state/bayplan-error.ts';
import type { JobRun } from '../state/job.ts';
import type { Desired } from '../state/state.ts';
import type { JobsContext } from './jobs.ts';

/** What a run depends on has to be as the file says within so long. */
const DEPENDENCIES_MS = 60_000;

/** Waits until the containers of what a run depends on are as the file says. Rejects once `over` is aborted, or after a minute. */
export async function dependenciesOf({ containers, supervisor }: Pick<JobsContext['parts'], 'containers' | 'supervisor'>, stack: string, dependsOn: Desired['services'][string]['dependsOn'], over: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([over, AbortSignal.timeout(DEPENDENCIES_MS)]);
  const needed = Object.entries(dependsOn).flatMap(([other, { condition }]) => [...containers.list()].filter(([, { identity }]) => identity.owner === 'stack' && identity.stack === stack && identity.service === other)
    .map(([name]) => supervisor.waitFor(name, condition === 'service_healthy' ? 'healthy' : condition === 'service_started' ? 'started' : 'completed', limit)));
  await Promise.all(needed);
}

/** What is desired of a run of a service with a schedule: its one container, which is made and not started. It publishes no ports and takes no name or address from anybody. Throws BayplanError `no-service`. */
export function desiredRun(desired: Desired, service: string, { run, container }: Pick<JobRun, 'run' | 'container'>): Desired {
  const template = desired.services[service]?.template;
  if (template === undefined) throw new BayplanError('no-service', `stack ${desired.stack} has no service "${service}" any more: its run ${run} is left out`);
  const spec = {
    ...template, ports: [], restart: { policy: 'no' as const, maxRetries: 0, delayMs: null, windowMs: null },
    networks: Object.fromEntries(Object.entries(template.networks).map(([network, attachment]) => [network, { ...attachment, aliases: [], ipv4Address: null, ipv6Address: null, macAddress: '' }])),
    labels: { ...template.labels, 'com.docker.compose.oneoff': 'True', 'com.docker.compose.container-number': String(run) },
  };
  const identity = { owner: 'oneoff' as const, stack: desired.stack, service, slot: run, generation: 1 };
  return { ...desired, services: {}, inactive: [...Object.keys(desired.services), ...desired.inactive], containers: { [container]: { identity, spec, status: null } }, unstarted: [container], remove: { orphans: false, volumes: false } };
}
