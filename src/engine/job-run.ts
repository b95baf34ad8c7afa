import type { JobRun } from '../state/job.ts';
import type { Desired } from '../state/state.ts';

/** What is desired of a run of a service with a schedule: its one container, which is made and not started. It publishes no ports and takes no name or address from anybody. */
export function desiredRun(desired: Desired, service: string, { run, container }: Pick<JobRun, 'run' | 'container'>): Desired {
  const template = desired.services[service]?.template;
  if (template === undefined) return desired;
  const spec = {
    ...template, ports: [], restart: { policy: 'no' as const, maxRetries: 0, delayMs: null, windowMs: null },
    networks: Object.fromEntries(Object.entries(template.networks).map(([network, attachment]) => [network, { ...attachment, aliases: [], ipv4Address: null, ipv6Address: null, macAddress: '' }])),
    labels: { ...template.labels, 'com.docker.compose.oneoff': 'True', 'com.docker.compose.container-number': String(run) },
  };
  const identity = { owner: 'oneoff' as const, stack: desired.stack, service, slot: run, generation: 1 };
  return { ...desired, services: {}, inactive: [...Object.keys(desired.services), ...desired.inactive], containers: { [container]: { identity, spec, status: null } }, unstarted: [container], remove: { orphans: false, volumes: false } };
}
