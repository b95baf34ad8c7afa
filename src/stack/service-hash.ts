import { createHash } from 'node:crypto';
import { BayplanError } from '../state/bayplan-error.ts';
import { serviceForms } from './config-forms.ts';
import { fields, type Printed } from './form.ts';
import { compactJson } from './json-text.ts';
import { suggest } from './nearest.ts';
import type { Project } from './project.ts';

/**
 * The SHA-256 of a service's configuration, as docker compose keeps it in the label `com.docker.compose.config-hash`: of its canonical JSON without what can change while a
 * container stays the same (build, pull_policy, scale, deploy.replicas, depends_on, profiles). Throws `no-service`.
 */
export function serviceHash(name: string, project: Project): string {
  const service = project.services[name];
  if (service === undefined) throw new BayplanError('no-service', `no such service: ${name}${suggest(name, Object.keys(project.services))}`);
  const { build: _build, pull_policy: _policy, scale: _scale, depends_on: _dependencies, profiles: _profiles, deploy, ...rest } = service;
  const { replicas: _replicas, ...otherDeploy } = deploy ?? {};
  const model: Printed = fields(serviceForms)({ ...rest, ...(deploy === undefined ? {} : { deploy: otherDeploy }) }, 'json') ?? new Map();
  return createHash('sha256').update(compactJson(model)).digest('hex');
}

/** The names of services, each after those that it depends on. */
export function servicesInOrder({ services }: Pick<Project, 'services'>): readonly string[] {
  const order = new Set<string>();
  const visit = (name: string): void => {
    if (order.has(name) || !Object.hasOwn(services, name)) return;
    Object.keys(services[name]?.depends_on ?? {}).sort().forEach(visit);
    order.add(name);
  };
  Object.keys(services).sort().forEach(visit);
  return [...order];
}
