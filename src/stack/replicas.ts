import type { ServiceConfig } from './service-schema.ts';

/** How many containers a service has: `scale`, else `deploy.replicas`, else 1. */
export function replicasOf(service: ServiceConfig): number {
  return service.scale ?? service.deploy?.replicas ?? 1;
}
