import type { Mistakes } from './mistake.ts';
import { suggest } from './nearest.ts';
import { serviceOf } from './normalize.ts';
import { replicasOf } from './replicas.ts';
import type { StackConfig } from './schema.ts';
import type { ServiceConfig } from './service-schema.ts';
import type { Place } from './source-text.ts';
import { child, placeOf, valuePlaceOf } from './tree.ts';
import type { Tree } from './tree.ts';

type Services = Readonly<Record<string, ServiceConfig>>;

/**
 * What no single place of a file shows: that names which are used exist, that nothing depends on itself, that keys do not
 * contradict each other. `services` are the active ones, normalized, and the only ones that are checked; `inactive` those of other profiles.
 */
export function checkStack(stack: StackConfig, services: Services, inactive: Services, tree: Tree, mistakes: Mistakes): void {
  for (const [name, service] of Object.entries(services)) {
    const at = (...path: (string | number)[]): Place => placeOf(tree, ['services', name, ...path]);
    checkSource(name, service, tree, mistakes);
    checkNames(name, service, stack, tree, at, mistakes);
    checkDependencies(name, service, { services, inactive }, at, mistakes);
    checkContradictions(name, service, at, mistakes);
    checkMounts(name, service, at, mistakes);
    const test = service.healthcheck?.test ?? [];
    if (test.length > 0 && !['NONE', 'CMD', 'CMD-SHELL'].includes(test[0] ?? '')) {
      mistakes.add(valuePlaceOf(tree, ['services', name, 'healthcheck', 'test']), `services.${name}.healthcheck.test: expected "CMD", "CMD-SHELL" or "NONE" as the first word, got ${JSON.stringify(test[0])}; write ["CMD", ${test.map((word) => JSON.stringify(word)).join(', ').slice(0, 60)}]`);
    }
  }
  for (const [key, secret] of Object.entries(stack.secrets ?? {})) {
    if (secret.external === true || (secret.file ?? '') !== '' || (secret.environment ?? '') !== '') continue;
    // That all of them are missing was told already, unless there is a driver, or "external: false".
    if (secret.file === undefined && secret.environment === undefined && secret.driver === undefined && child(child(child(tree, 'secrets'), key), 'external') === undefined) continue;
    mistakes.add(placeOf(tree, ['secrets', key]), `secrets.${key}: expected "file" or "environment" that says something`);
  }
  checkContainerNames(services, tree, mistakes);
  checkCycles(services, tree, mistakes);
}

type At = (...path: (string | number)[]) => Place;

/** That a service says what it is made from. */
function checkSource(name: string, service: ServiceConfig, tree: Tree, mistakes: Mistakes): void {
  if ((service.image ?? '') !== '' || service.build !== undefined || service.provider !== undefined) return;
  const image = child(child(child(tree, 'services'), name), 'image');
  if (image === undefined) mistakes.add(placeOf(tree, ['services', name]), `services.${name}: expected "image" or "build", got neither; say what it is made from, image: NAME`);
  else if (service.image !== undefined) mistakes.add(image.at, `services.${name}.image: expected an image's name, got an empty string`);
}

function checkNames(name: string, service: ServiceConfig, stack: StackConfig, tree: Tree, at: At, mistakes: Mistakes): void {
  const undefinedName = (kind: string, used: string, declared: Readonly<Record<string, unknown>> | undefined, place: Place): void => {
    if (Object.hasOwn(declared ?? {}, used) || child(child(tree, `${kind}s`), used) !== undefined) return; // what is wrong with a declaration is told there
    if (used === '') {
      mistakes.add(place, `services.${name}: expected "source", the name of a ${kind}, got none; add source:`);
      return;
    }
    const near = suggest(used, Object.keys(declared ?? {}));
    mistakes.add(place, `services.${name}: ${kind} "${used}" is not declared${near === '' ? `; declare it below ${kind}s:` : near}`);
  };
  for (const network of Object.keys(service.networks ?? {})) {
    if (network !== 'default') undefinedName('network', network, stack.networks, at('networks', network));
  }
  service.volumes?.forEach(({ type, source = '' }, index) => {
    if (type === 'volume' && source !== '') undefinedName('volume', source, stack.volumes, at('volumes', index));
  });
  service.secrets?.forEach((secret, index) => { undefinedName('secret', secret.source, stack.secrets, at('secrets', index)); });
  service.build?.secrets?.forEach((secret, index) => { undefinedName('secret', secret.source, stack.secrets, at('build', 'secrets', index)); });
  service.configs?.forEach((config, index) => { undefinedName('config', config.source, stack.configs, at('configs', index)); });
  for (const model of Object.keys(service.models ?? {})) undefinedName('model', model, stack.models, at('models', model));
}

interface Others { readonly services: Services; readonly inactive: Services }

function checkDependencies(name: string, service: ServiceConfig, { services, inactive }: Others, at: At, mistakes: Mistakes): void {
  const why = (other: string): string => {
    const profile = Object.hasOwn(inactive, other) ? inactive[other]?.profiles?.[0] : undefined;
    return profile === undefined ? `service "${other}", which does not exist${suggest(other, Object.keys(services)) || '; declare it below "services:", or take it out here'}` : `service "${other}", whose profile "${profile}" is not active; add --profile ${profile}`;
  };
  for (const [other, { required }] of Object.entries(service.depends_on ?? {})) {
    if (Object.hasOwn(services, other) || (Object.hasOwn(inactive, other) && required === false)) continue;
    mistakes.add(placeOfUse(service, other, at), `services.${name}: depends on ${why(other)}`);
  }
  const shared = serviceOf(service.network_mode);
  if (shared !== null && !Object.hasOwn(services, shared) && !Object.hasOwn(service.depends_on ?? {}, shared)) mistakes.add(at('network_mode'), `services.${name}.network_mode: uses ${why(shared)}`);
  for (const [context, from] of Object.entries(service.build?.additional_contexts ?? {})) {
    const other = serviceOf(from);
    if (other === null) continue;
    if (!Object.hasOwn(services, other)) mistakes.add(at('build', 'additional_contexts', context), `services.${name}.build.additional_contexts.${context}: uses ${why(other)}`);
    else if (services[other]?.build === undefined) mistakes.add(at('build', 'additional_contexts', context), `services.${name}.build.additional_contexts.${context}: service "${other}" has no "build", so there is no context to take`);
  }
}

/** Where a service says that it needs another. */
function placeOfUse(service: ServiceConfig, other: string, at: At): Place {
  const named = (list: readonly string[] | undefined): number => (list ?? []).findIndex((each) => each.split(':', 1)[0] === other);
  for (const key of ['links', 'volumes_from'] as const) if (named(service[key]) >= 0) return at(key, named(service[key]));
  const mode = (['network_mode', 'ipc', 'pid', 'uts'] as const).find((key) => service[key] === `service:${other}`);
  return mode === undefined ? at('depends_on', other) : at(mode);
}

function checkContradictions(name: string, service: ServiceConfig, at: At, mistakes: Mistakes): void {
  const where = `services.${name}`;
  if ((service.network_mode ?? '') !== '' && Object.keys(service.networks ?? {}).length > 0) {
    mistakes.add(at('network_mode'), `${where}: expected one of "network_mode" and "networks", got both; take one out`);
  }
  if ((service.container_name ?? '') !== '' && replicasOf(service) > 1) {
    mistakes.add(at('container_name'), `${where}: a container_name can name one container, got ${String(replicasOf(service))} replicas; drop one of the two`);
  }
  const { build } = service;
  if ((build?.dockerfile ?? '') !== '' && (build?.dockerfile_inline ?? '') !== '') mistakes.add(at('build', 'dockerfile_inline'), `${where}.build: expected one of "dockerfile" and "dockerfile_inline", got both; keep one`);
  if ((build?.platforms ?? []).length > 0 && (service.platform ?? '') !== '' && build?.platforms?.includes(service.platform ?? '') === false) {
    mistakes.add(at('platform'), `${where}: platform "${service.platform ?? ''}" is not in build.platforms; add it there`);
  }
  for (const [index, watch] of (service.develop?.watch ?? []).entries()) {
    if ((watch.target ?? '') === '' && watch.action !== 'rebuild' && watch.action !== 'restart') mistakes.add(at('develop', 'watch', index), `${where}.develop.watch[${String(index)}]: expected the key "target" for action "${watch.action}", got none; add target:`);
  }
  const { limits, reservations } = service.deploy?.resources ?? {};
  // What one side leaves out is nothing, which is another thing than what the other side says.
  const twice = (key: 'cpus' | 'mem_limit' | 'mem_reservation' | 'pids_limit', other: string, a: number, section: object | undefined, b: number): void => {
    if (a === 0 || section === undefined || a === b) return;
    const says = b === 0 ? `deploy.resources.${other.slice(0, other.indexOf('.'))} is there without "${other.slice(other.indexOf('.') + 1)}"; move it there` : `deploy.resources.${other} says ${String(b)}; keep one`;
    mistakes.add(at(key), `${where}: "${key}" says ${String(a)} and ${says}`);
  };
  twice('cpus', 'limits.cpus', service.cpus ?? 0, limits, limits?.cpus ?? 0);
  twice('mem_limit', 'limits.memory', Number(service.mem_limit ?? 0), limits, Number(limits?.memory ?? 0));
  twice('mem_reservation', 'reservations.memory', Number(service.mem_reservation ?? 0), reservations, Number(reservations?.memory ?? 0));
  twice('pids_limit', 'limits.pids', service.pids_limit ?? 0, limits, limits?.pids ?? 0);
  const { scale } = service;
  const replicas = service.deploy?.replicas;
  if (scale !== undefined && replicas !== undefined && scale !== replicas) mistakes.add(at('scale'), `${where}: "scale" says ${String(scale)} and deploy.replicas says ${String(replicas)}; keep one`);
  if ((scale ?? 0) < 0) mistakes.add(at('scale'), `${where}.scale: expected a whole number, 0 or more, got ${String(scale)}`);
  if ((replicas ?? 0) < 0) mistakes.add(at('deploy', 'replicas'), `${where}.deploy.replicas: expected a whole number, 0 or more, got ${String(replicas)}`);
}

/** That nothing is mounted over what was mounted before. */
function checkMounts(name: string, service: ServiceConfig, at: At, mistakes: Mistakes): void {
  const taken = new Map<string, string>();
  const take = (target: string, what: string, place: Place): void => {
    const before = taken.get(target);
    if (before !== undefined) mistakes.add(place, `services.${name}.${what}: ${target} is that of ${before} already; take one out`);
    taken.set(target, what);
  };
  service.tmpfs?.forEach((spec, index) => { take(spec.split(':', 1)[0] ?? '', `tmpfs[${String(index)}]`, at('tmpfs', index)); });
  service.volumes?.forEach(({ target = '' }, index) => { take(target, `volumes[${String(index)}]`, at('volumes', index)); });
}

function checkContainerNames(services: Services, tree: Tree, mistakes: Mistakes): void {
  const owners = new Map<string, string>();
  for (const [name, { container_name: containerName = '' }] of Object.entries(services)) {
    if (containerName === '') continue;
    const owner = owners.get(containerName);
    if (owner !== undefined) mistakes.add(placeOf(tree, ['services', name, 'container_name']), `services.${name}: container_name "${containerName}" is already that of service "${owner}"`);
    owners.set(containerName, name);
  }
}

/** So many services may depend on each other in a row: each waits for the one before it. */
const LONGEST_ROW = 1000;

/** Each cycle once, named from where it was first met: `a → b → a`. */
function checkCycles(services: Services, tree: Tree, mistakes: Mistakes): void {
  const done = new Set<string>();
  // A Set keeps the order of insertion: it is the path.
  const path = new Set<string>();
  const visit = (name: string): void => {
    if (path.has(name)) {
      const names = [...path];
      const last = names.at(-1) ?? name;
      mistakes.add(placeOf(tree, ['services', last, 'depends_on', name]), `services depend on each other in a cycle: ${[...names.slice(names.indexOf(name)), name].join(' → ')}; take one of the dependencies out`);
      return;
    }
    if (done.has(name)) return;
    if (path.size >= LONGEST_ROW) {
      const last = [...path].at(-1) ?? name;
      mistakes.add(placeOf(tree, ['services', last, 'depends_on', name]), `more than ${LONGEST_ROW} services depend on each other in a row; take some of the dependencies out`);
      return;
    }
    path.add(name);
    for (const other of Object.keys(services[name]?.depends_on ?? {})) if (Object.hasOwn(services, other)) visit(other);
    path.delete(name);
    done.add(name);
  };
  for (const name of Object.keys(services)) visit(name);
}
