import { serviceOf } from './normalize.ts';
import type { Project } from './project.ts';
import type { ServiceConfig } from './service-schema.ts';

/** What `network_mode` comes to: `service:x` is the first container of that service. */
export function networkModeOf({ network_mode: mode }: ServiceConfig, project: Project): string {
  const service = serviceOf(mode);
  if (service !== null) return `container:${project.services[service]?.container_name ?? `${project.name}-${service}-1`}`;
  return mode === 'none' || mode === 'host' || /^(container:|ns:\/)/.test(mode ?? '') ? mode ?? '' : 'bridge';
}
