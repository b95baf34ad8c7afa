import type { Desired } from '../state/state.ts';
import { noService } from './no-service.ts';

/** Services and all they depend on, or with `dependencies` false they alone. Throws for one that the file does not have. */
export function withDependencies(desired: Desired, selected: readonly string[], dependencies = true): ReadonlySet<string> {
  const wanted = new Set<string>();
  const take = (name: string): void => {
    if (wanted.has(name)) return;
    wanted.add(name);
    if (dependencies) for (const dependency of Object.keys(desired.services[name]?.dependsOn ?? {})) take(dependency);
  };
  for (const name of selected) {
    if (desired.services[name] === undefined) throw noService(name, 'the stack file', Object.keys(desired.services));
    take(name);
  }
  return wanted;
}

/**
 * What `up SERVICE…` desires: these services and all they depend on as the file says, every other as it is desired now (`current`),
 * or left as it is. Throws for a service that the file does not have.
 */
export function selectServices(desired: Desired, current: Desired | null, selected: readonly string[], dependencies = true): Desired {
  const wanted = withDependencies(desired, selected, dependencies);
  const services = { ...current?.services, ...Object.fromEntries(Object.entries(desired.services).filter(([name]) => wanted.has(name))) };
  const templates = Object.values(services).map(({ template }) => template);
  const networks = new Set(templates.flatMap((template) => Object.keys(template.networks)));
  const volumes = new Set(templates.flatMap(({ mounts }) => mounts.flatMap((mount) => (mount.type === 'volume' && mount.source !== null ? [mount.source] : []))));
  const given = (names: Iterable<string>): Set<string> => new Set([...names].flatMap((name) => services[name]?.template.contents ?? []).map(({ name }) => name));
  const images = new Set(templates.map(({ image }) => image));
  const used = <T>(all: Readonly<Record<string, T>>, keep: ReadonlySet<string>): Record<string, T> => Object.fromEntries(Object.entries(all).filter(([name]) => keep.has(name)));
  const providers = { ...current?.providers, ...desired.providers };
  return {
    ...desired, services, ...(Object.keys(providers).length === 0 ? {} : { providers }),
    inactive: [...desired.inactive, ...Object.keys(desired.services)].filter((name) => services[name] === undefined),
    networks: used({ ...current?.networks, ...desired.networks }, networks),
    volumes: used({ ...current?.volumes, ...desired.volumes }, volumes),
    contents: used({ ...desired.contents, ...current?.contents, ...used(desired.contents, given(wanted)) }, given(Object.keys(services))), // what only others are given is as it was
    images: used({ ...current?.images, ...desired.images }, images),
  };
}

/** What is sent of what configs and secrets hold: nothing where it is to be as it was. */
export function bytesFor({ contents }: Desired, bytes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(bytes).filter(([name]) => contents[name]?.digest === ''));
}
