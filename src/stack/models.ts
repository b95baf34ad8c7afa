import { neededBy } from './providers.ts';
import type { Project } from './project.ts';

/** What a model that a service uses is asked for, and where it answers; by its key in the file. */
export interface ServedModel { readonly name: string; readonly endpoint: string }

/** The models that these services use, and what they depend on (none: that any does), by key, with the endpoint that the file names itself ('': the runner's). */
export function modelsOf({ services, models }: Pick<Project, 'services' | 'models'>, selected: readonly string[] = []): ReadonlyMap<string, { readonly model: string; readonly contextSize: number; readonly flags: readonly string[]; readonly endpoint: string }> {
  const used = [...new Set([...neededBy(services, selected)].flatMap((name) => Object.keys(services[name]?.models ?? {})))];
  return new Map(used.flatMap((key) => {
    const found = models[key];
    return found === undefined ? [] : [[key, { model: found.model, contextSize: found.context_size ?? 0, flags: [...(found.runtime_flags ?? [])], endpoint: found['x-bayplan']?.endpoint ?? '' }] as const];
  }));
}

/** A project whose services know their models, by docker compose's variables: `KEY_MODEL` and `KEY_URL`, or those that the service names. */
export function withModels(project: Project, served: ReadonlyMap<string, ServedModel>): Project {
  if (served.size === 0) return project;
  return {
    ...project,
    services: Object.fromEntries(Object.entries(project.services).map(([name, service]) => {
      const added = Object.entries(service.models ?? {}).flatMap(([key, variables]): [string, string][] => {
        const found = served.get(key);
        if (found === undefined) return []; // of a service that is not meant now
        const { name: model, endpoint } = found;
        const prefix = key.toUpperCase().replaceAll('-', '_');
        return [[variables?.model_var || `${prefix}_MODEL`, model], [variables?.endpoint_var || `${prefix}_URL`, endpoint]];
      });
      return [name, added.length === 0 ? service : { ...service, environment: { ...service.environment, ...Object.fromEntries(added) } }];
    })),
  };
}
