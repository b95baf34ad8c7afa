import { replicaName } from '../state/replica-name.ts';
import { serviceOf } from './normalize.ts';
import type { Project } from './project.ts';
import type { ServiceConfig } from './service-schema.ts';

/** What `network_mode` comes to: `service:x` is the first container of that service. */
export function networkModeOf({ network_mode: mode }: ServiceConfig, project: Project): string {
  const service = serviceOf(mode);
  if (service !== null) return `container:${firstContainerOf(service, project)}`;
  return mode === 'none' || mode === 'host' || /^(container:|ns:\/)/.test(mode ?? '') ? mode ?? '' : 'bridge';
}

/** The name of a service's first container. */
export function firstContainerOf(service: string, { name, services }: Pick<Project, 'name' | 'services'>): string {
  return replicaName(name, service, services[service]?.container_name ?? '', 1);
}
