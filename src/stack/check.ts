import { checkNetworks } from './check-networks.ts';
import { checkPorts } from './check-ports.ts';
import type { Mistakes } from './mistake.ts';
import { suggest } from './nearest.ts';
import { replicasOf } from './replicas.ts';
import type { StackConfig } from './schema.ts';
import type { ServiceConfig } from './service-schema.ts';
import type { Place } from './source-text.ts';
import { child, placeOf } from './tree.ts';
import type { Tree } from './tree.ts';

type Services = Readonly<Record<string, ServiceConfig>>;

/**
 * What no single place of a file shows: that names which are used exist, that nothing depends on itself, that keys do not
 * contradict each other. `services` are the active ones, normalized; `inactive` those of other profiles.
 */
export function checkStack(stack: StackConfig, services: Services, inactive: Services, tree: Tree, mistakes: Mistakes): void {
  for (const [name, service] of Object.entries({ ...inactive, ...services })) {
    const at = (...path: (string | number)[]): Place => placeOf(tree, ['services', name, ...path]);
    checkNames(name, service, stack, at, mistakes);
    const written = child(child(tree, 'services'), name);
    if (child(written, 'image') === undefined && child(written, 'build') === undefined && service.provider === undefined) {
      mistakes.add(at(), `services.${name}: expected "image" or "build", got neither`);
    }
    const image = child(written, 'image');
    if (service.image === '' && service.build === undefined && image !== undefined) mistakes.add(image.at, `services.${name}.image: expected an image's name, got an empty string`);
    checkContradictions(name, service, at, mistakes);
  }
  for (const [name, service] of Object.entries(services)) {
    for (const other of Object.keys(service.depends_on ?? {})) {
      if (Object.hasOwn(services, other)) continue;
      const place = placeOf(tree, ['services', name, 'depends_on', other]);
      const profile = Object.hasOwn(inactive, other) ? inactive[other]?.profiles?.[0] : undefined;
      if (profile === undefined) mistakes.add(place, `services.${name}: depends on service "${other}", which does not exist${suggest(other, Object.keys(services))}`);
      else if (service.depends_on?.[other]?.required !== false) mistakes.add(place, `services.${name}: depends on service "${other}", whose profile "${profile}" is not active; add --profile ${profile}`);
    }
  }
  checkContainerNames(services, tree, mistakes);
  checkPorts(services, tree, mistakes);
  checkNetworks(stack, services, tree, mistakes);
  checkCycles(services, tree, mistakes);
}

type At = (...path: (string | number)[]) => Place;

function checkNames(name: string, service: ServiceConfig, stack: StackConfig, at: At, mistakes: Mistakes): void {
  const undefinedName = (kind: string, used: string, declared: Readonly<Record<string, unknown>> | undefined, place: Place): void => {
    if (Object.hasOwn(declared ?? {}, used)) return;
    const near = suggest(used, Object.keys(declared ?? {}));
    mistakes.add(place, `services.${name}: ${kind} "${used}" is not declared${near === '' ? `; declare it below ${kind}s:` : near}`);
  };
  for (const network of Object.keys(service.networks ?? {})) {
    if (network !== 'default') undefinedName('network', network, stack.networks, at('networks', network));
  }
  service.volumes?.forEach((volume, index) => {
    if (volume.type === 'volume' && volume.source !== undefined) undefinedName('volume', volume.source, stack.volumes, at('volumes', index));
  });
  service.secrets?.forEach((secret, index) => { undefinedName('secret', secret.source, stack.secrets, at('secrets', index)); });
  service.configs?.forEach((config, index) => { undefinedName('config', config.source, stack.configs, at('configs', index)); });
  for (const model of Object.keys(service.models ?? {})) undefinedName('model', model, stack.models, at('models', model));
}

function checkContradictions(name: string, service: ServiceConfig, at: At, mistakes: Mistakes): void {
  const where = `services.${name}`;
  if (service.network_mode !== undefined && service.networks !== undefined) {
    mistakes.add(at('network_mode'), `${where}: expected one of "network_mode" and "networks", got both`);
  }
  if (service.container_name !== undefined && replicasOf(service) > 1) {
    mistakes.add(at('container_name'), `${where}: a container_name can name one container, got ${String(replicasOf(service))} replicas; drop one of the two`);
  }
  const limits = service.deploy?.resources?.limits;
  const twice = (key: 'cpus' | 'mem_limit' | 'pids_limit' | 'scale', other: string, a: unknown, b: unknown): void => {
    if (a !== undefined && b !== undefined && a !== b) mistakes.add(at(key), `${where}: "${key}" says ${String(a)} and ${other} says ${String(b)}; keep one`);
  };
  twice('cpus', 'deploy.resources.limits.cpus', service.cpus, limits?.cpus);
  twice('mem_limit', 'deploy.resources.limits.memory', service.mem_limit, limits?.memory);
  twice('pids_limit', 'deploy.resources.limits.pids', service.pids_limit, limits?.pids);
  twice('scale', 'deploy.replicas', service.scale, service.deploy?.replicas);
}

function checkContainerNames(services: Services, tree: Tree, mistakes: Mistakes): void {
  const owners = new Map<string, string>();
  for (const [name, { container_name: containerName }] of Object.entries(services)) {
    if (containerName === undefined) continue;
    const owner = owners.get(containerName);
    if (owner !== undefined) mistakes.add(placeOf(tree, ['services', name, 'container_name']), `services.${name}: container_name "${containerName}" is already that of service "${owner}"`);
    owners.set(containerName, name);
  }
}

/** Each cycle once, named from where it was first met: `a → b → a`. */
function checkCycles(services: Services, tree: Tree, mistakes: Mistakes): void {
  const done = new Set<string>();
  // A Set keeps the order of insertion: it is the path.
  const path = new Set<string>();
  const visit = (name: string): void => {
    if (path.has(name)) {
      const names = [...path];
      const last = names.at(-1) ?? name;
      mistakes.add(placeOf(tree, ['services', last, 'depends_on', name]), `services depend on each other in a cycle: ${[...names.slice(names.indexOf(name)), name].join(' → ')}`);
      return;
    }
    if (done.has(name)) return;
    path.add(name);
    for (const other of Object.keys(services[name]?.depends_on ?? {})) if (Object.hasOwn(services, other)) visit(other);
    path.delete(name);
    done.add(name);
  };
  for (const name of Object.keys(services)) visit(name);
}
