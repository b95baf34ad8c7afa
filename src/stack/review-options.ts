import { cgroupParentOf } from '../state/cgroup-parent.ts';
import { specProblems, type SpecProblem } from '../state/spec-problems.ts';
import { devicesOf, modeProblems } from './confinement.ts';
import { hooksOf } from './hooks.ts';
import { loggingOf } from './logging.ts';
import { resourcesOf, ulimitsOf } from './resources.ts';
import type { ServiceConfig } from './service-schema.ts';

/** What a service's limits and switches ask for that cannot be. docker compose leaves it to the engine to refuse them, so `config` prints them all the same. */
export function optionProblems(service: ServiceConfig): readonly SpecProblem[] {
  const { isolation = '', storage_opt: storage, 'x-bayplan': own } = service;
  const shared = (mode: string | null | undefined): string => (mode ?? '').replace(/^service:/, 'container:');
  return [
    ...specProblems({
      resources: resourcesOf(service), ulimits: ulimitsOf(service), sysctls: { ...service.sysctls }, oomScoreAdj: service.oom_score_adj ?? 0,
      deviceCgroupRules: [...(service.device_cgroup_rules ?? [])], devices: devicesOf(service), cgroupParent: cgroupParentOf(service.cgroup_parent ?? ''), networkMode: shared(service.network_mode ?? 'bridge'), privileged: service.privileged ?? false,
      namespaces: { pid: shared(service.pid), ipc: shared(service.ipc), uts: shared(service.uts), cgroup: shared(own?.cgroup), user: service.userns_mode ?? '', time: shared(own?.time?.namespace) },
      mounts: (service.volumes ?? []).map(({ target = '' }) => ({ target })), logging: loggingOf(service), postStart: hooksOf(service.post_start), preStop: hooksOf(service.pre_stop), extraHosts: [...(service.extra_hosts ?? [])],
    }),
    ...modeProblems(service).map(([key, text]) => ({ key, text })),
    ...(['', 'default'].includes(isolation) ? [] : [{ key: 'isolation', text: `isolation "${isolation}" is of Windows; on Linux there is "default" alone` }]),
    ...(isEmpty(storage) ? [] : [{ key: 'storage_opt', text: 'storage_opt: the size of a container\'s own layer cannot be limited here; put what grows on a volume, or on a tmpfs with a size' }]),
  ];
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}
