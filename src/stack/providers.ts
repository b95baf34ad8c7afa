import type { Provider, Providers } from '../state/provider.ts';
import type { Project } from './project.ts';
import { servicesInOrder } from './service-hash.ts';

/** What the file says of a service that a program of somebody else's provides. */
export type ProviderConfig = Pick<Provider, 'type' | 'options'>;

/** The services that are provided, each after those that it depends on. `selected`: only those that these need, or are; empty: all. */
export function providersOf(project: Pick<Project, 'services'>, selected: readonly string[] = []): ReadonlyMap<string, ProviderConfig> {
  const needed = neededBy(project.services, selected);
  return new Map(servicesInOrder(project).flatMap((name) => {
    const provider = project.services[name]?.provider;
    if (provider === undefined || !needed.has(name)) return [];
    return [[name, { type: provider.type, options: Object.fromEntries(Object.entries(provider.options ?? {}).map(([key, values]) => [key, [...values]])) }] as const];
  }));
}

/** These services, and all that they depend on; none: all. */
export function neededBy(services: Project['services'], selected: readonly string[]): ReadonlySet<string> {
  const needed = new Set<string>();
  const take = (name: string): void => {
    if (needed.has(name)) return;
    needed.add(name);
    Object.keys(services[name]?.depends_on ?? {}).forEach(take);
  };
  (selected.length === 0 ? Object.keys(services) : selected).forEach(take);
  return needed;
}

/** A service's variables of what it depends on, by docker compose's rule: `SERVICE_NAME`, and raw ones as they are. */
export function providedVariables(dependencies: readonly string[], providers: Providers): Readonly<Record<string, string>> {
  return Object.fromEntries(dependencies.flatMap((service) => {
    const { variables = {}, raw = {} } = providers[service] ?? {};
    return [...Object.entries(variables).map(([name, value]): [string, string] => [`${service.toUpperCase()}_${name}`, value]), ...Object.entries(raw)];
  }));
}

/** A project whose containers have what its providers have answered. */
export function withProvided(project: Project, providers: Providers): Project {
  if (Object.keys(providers).length === 0) return project;
  return {
    ...project,
    services: Object.fromEntries(Object.entries(project.services).map(([name, service]) => {
      const added = providedVariables(Object.keys(service.depends_on ?? {}), providers);
      return [name, Object.keys(added).length === 0 ? service : { ...service, environment: { ...service.environment, ...added } }];
    })),
  };
}

/** A project without the services that are provided: they are no containers. */
export function containersAlone(project: Project): Project {
  const services = Object.entries(project.services);
  return services.every(([, { provider }]) => provider === undefined) ? project : { ...project, services: Object.fromEntries(services.filter(([, { provider }]) => provider === undefined)) };
}
