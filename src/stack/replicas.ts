import type { ServiceConfig } from './service-schema.ts';

/** How many containers a service has: `scale`, else `deploy.replicas`, else 1. */
export function replicasOf(service: ServiceConfig): number {
  return service.scale ?? service.deploy?.replicas ?? 1;
}

/** `scale` is said in `deploy` too, where there is one, as docker compose's check of the model leaves it. */
export function withScaleInDeploy(service: ServiceConfig): ServiceConfig {
  const { scale, deploy } = service;
  return scale === undefined || deploy === undefined ? service : { ...service, deploy: { ...deploy, replicas: scale } };
}
