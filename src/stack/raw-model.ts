import { isRemoteContext } from './service-schema.ts';
import { parsePortSpec } from './port-spec.ts';
import { portKey } from './short-forms.ts';
import { plain, textOf, type Tree } from './tree.ts';
import { cleanPath, isWindowsPath, parseVolumeSpec } from './volume-spec.ts';
import { parseVolumesFrom } from './volumes-from.ts';

/** Data of a file: what a tree is without its places. */
type Data = Record<string, unknown>;

/** What the model of a file whose variables are left alone needs to know. */
export interface RawSurroundings {
  readonly name: string;
  readonly resolve: (path: string) => string;
  readonly resolveLink: (path: string) => string;
  /** Defaults are filled in, and full names. */
  readonly normalize: boolean;
}

/**
 * The model of `config --no-interpolate`: merged, short forms long where no variable stands in them, paths absolute, names full, and every `${…}` as it was
 * written. Nothing is checked that a variable could still change.
 */
export function rawModel(tree: Tree, surroundings: RawSurroundings): Data {
  const model = dataOf(listed(tree));
  delete model['version'];
  delete model['include'];
  const services = dataOf(model['services']);
  for (const [name, service] of Object.entries(services)) services[name] = rawService(dataOf(service), surroundings);
  const uses = surroundings.normalize && Object.values(services).some((service) => Object.hasOwn(dataOf(dataOf(service)['networks']), 'default'));
  const networks = { ...(uses ? { default: null } : {}), ...dataOf(model['networks']) };
  const sections: Data = { ...model, ...(surroundings.normalize ? { name: surroundings.name } : {}), ...(model['services'] === undefined ? {} : { services }), ...(Object.keys(networks).length > 0 ? { networks } : {}) };
  for (const section of ['networks', 'volumes', 'secrets', 'configs']) {
    if (sections[section] === undefined) continue;
    sections[section] = Object.fromEntries(Object.entries(dataOf(sections[section])).map(([key, value]) => [key, value === null && !surroundings.normalize ? null : rawResource(key, dataOf(value), surroundings)]));
  }
  return sections;
}

/** The tree as plain data, with pairs that several files say as the list that docker compose makes of them. */
function listed(tree: Tree): unknown {
  if (tree.kind === 'leaf') return plain(tree);
  if (tree.kind === 'list') return tree.items.map(listed);
  const entries = [...tree.entries];
  if (tree.pairs === true) return entries.map(([key, { value }]) => (value.kind === 'leaf' && value.value !== null ? `${key}=${textOf(value)}` : key));
  return Object.fromEntries(entries.map(([key, { value }]) => [key, listed(value)]));
}

function rawService(service: Data, surroundings: RawSurroundings): Data {
  const { resolve, resolveLink, normalize } = surroundings;
  const at = (key: string, change: (value: unknown) => unknown): void => { if (service[key] !== undefined && service[key] !== null) service[key] = change(service[key]); };
  const names = (value: unknown): unknown => Array.isArray(value) ? Object.fromEntries(value.map((name) => [String(name), null])) : value;
  const several = (value: unknown): unknown => typeof value === 'string' ? [value] : value;
  at('build', (value) => {
    const build = typeof value === 'string' ? { context: value } : dataOf(value);
    const context = typeof build['context'] === 'string' ? build['context'] : '.';
    const named = build['dockerfile'] !== undefined || build['dockerfile_inline'] !== undefined;
    return { ...build, context: isRemoteContext(context) || context === '' ? context : resolve(context), ...(named || !normalize ? {} : { dockerfile: 'Dockerfile' }),
      ...(build['additional_contexts'] === undefined ? {} : { additional_contexts: pairs(build['additional_contexts'], (folder) => isRemoteContext(folder) ? folder : resolve(folder)) }),
      ...(Array.isArray(build['secrets']) ? { secrets: build['secrets'].map(rawGrant) } : {}),
      ...(build['ssh'] === undefined ? {} : { ssh: pairs(build['ssh'], resolve) }),
      ...(build['args'] === undefined ? {} : { args: normalize ? withValues(build['args']) : distinct(build['args']) }),
      ...Object.fromEntries(['labels', 'tags'].flatMap((key) => (build[key] === undefined ? [] : [[key, distinct(build[key])]]))),
    };
  });
  at('develop', (value) => {
    const watch = dataOf(value)['watch'];
    return Array.isArray(watch) ? { ...dataOf(value), watch: watch.map((each: unknown) => rawTrigger(dataOf(each), resolveLink)) } : value;
  });
  at('depends_on', (value) => Object.fromEntries((Array.isArray(value) ? value.map((name): [string, unknown] => [String(name), {}]) : Object.entries(dataOf(value)))
    .map(([name, each]) => [name, { condition: 'service_started', required: true, ...dataOf(each) }])));
  at('env_file', (value) => (Array.isArray(value) ? value : [value]).map((each: unknown) => {
    const file = typeof each === 'string' ? { path: each } : dataOf(each);
    return { required: true, ...file, path: resolve(String(file['path'])) };
  }));
  at('label_file', (value) => (Array.isArray(value) ? value : [value]).map((each) => resolve(String(each))));
  for (const key of ['networks', 'models']) at(key, names);
  at('dns', several);
  at('gpus', (value) => typeof value === 'string' ? [{ count: 'all' }] : requested(value));
  at('devices', (value) => Array.isArray(value) ? uniqueBy(value.map(rawDevice), (device) => textAt(device, 'target')) : value);
  for (const key of ['secrets', 'configs']) {
    at(key, (value) => Array.isArray(value) ? uniqueBy(value.map((each: unknown) => {
      const grant = rawGrant(each);
      return key === 'secrets' ? { target: `/run/secrets/${String(grant['source'])}`, ...grant } : grant;
    }), (grant) => textAt(grant, 'target') ?? textAt(grant, 'source')) : value);
  }
  at('volumes', (value) => Array.isArray(value) ? uniqueBy(value.map((each: unknown) => rawVolume(each, surroundings)), (mount) => textAt(mount, 'target')) : value);
  for (const key of DISTINCT) at(key, distinct);
  at('deploy', (value) => rawDeploy(dataOf(value)));
  at('ports', (value) => Array.isArray(value) ? rawPorts(value) : value);
  if (normalize && service['network_mode'] === undefined && service['provider'] === undefined && Object.keys(dataOf(service['networks'])).length === 0) service['networks'] = { default: null };
  if (normalize && service['pull_policy'] === 'if_not_present') service['pull_policy'] = 'missing';
  const dependsOn = { ...(normalize ? implied(service) : {}), ...dataOf(service['depends_on']) };
  if (Object.keys(dependsOn).length > 0) service['depends_on'] = dependsOn;
  delete service['extends'];
  return service;
}

/** Lists in which what stands before a "=" is there once: the first of its places, the last of its values. */
const DISTINCT = ['annotations', 'cap_add', 'cap_drop', 'dns', 'dns_opt', 'dns_search', 'environment', 'expose', 'labels', 'links', 'profiles', 'sysctls', 'tmpfs'];

function distinct(value: unknown): unknown {
  return Array.isArray(value) ? uniqueBy(value, (item) => (typeof item === 'string' ? item.split('=', 1)[0] : item)) : value;
}

/** What of a build's arguments has a value: the user's environment counts for nothing here. */
function withValues(value: unknown): unknown {
  if (Array.isArray(value)) return distinct(value.filter((item) => typeof item !== 'string' || item.includes('=')));
  return Object.fromEntries(Object.entries(dataOf(value)).filter(([, each]) => each !== null));
}

/** Each value of a key once: at the first's place the last. */
function uniqueBy(items: readonly unknown[], key: (item: unknown) => unknown): readonly unknown[] {
  return [...new Map(items.map((item) => [key(item) ?? item, item])).values()];
}

function textAt(value: unknown, key: string): string | undefined {
  const found = dataOf(value)[key];
  return typeof found === 'string' ? found : undefined;
}

/** The dependencies that follow from what a service shares with others. */
function implied(service: Data): Data {
  const texts = (key: string): readonly string[] => (Array.isArray(service[key]) ? service[key].map(String) : []);
  const shared = ['network_mode', 'ipc', 'pid', 'uts', 'cgroup'].flatMap((key) => {
    const mode = service[key];
    return typeof mode === 'string' && mode.startsWith('service:') ? [mode.slice('service:'.length)] : [];
  });
  const linked = texts('links').map((link) => (link.split(':').length === 2 ? link.split(':', 1)[0] ?? link : link));
  const from = texts('volumes_from').map(parseVolumesFrom).flatMap(({ container, name }) => (container ? [] : [name]));
  const dependency = (restart: boolean) => (name: string): [string, Data] => [name, { condition: 'service_started', restart, required: true }];
  return Object.fromEntries([...from.map(dependency(false)), ...[...linked, ...shared].map(dependency(true))]);
}

/** A mapping, or a list of `NAME=VALUE`, with its values changed. */
function pairs(value: unknown, change: (text: string) => string): unknown {
  const changed = (each: unknown): unknown => typeof each === 'string' ? change(each) : each;
  if (!Array.isArray(value)) return Object.fromEntries(Object.entries(dataOf(value)).map(([name, each]) => [name, changed(each)]));
  return Object.fromEntries(value.map((item): [string, unknown] => { const [name = ''] = String(item).split('=', 1); return [name, String(item).includes('=') ? changed(String(item).slice(name.length + 1)) : null]; }));
}

function rawDeploy(deploy: Data): Data {
  const resources = dataOf(deploy['resources']);
  const reservations = dataOf(resources['reservations']);
  const devices = reservations['devices'] === undefined ? {} : { resources: { ...resources, reservations: { ...reservations, devices: requested(reservations['devices']) } } };
  return { ...deploy, ...(deploy['labels'] === undefined ? {} : { labels: distinct(deploy['labels']) }), ...devices };
}

/** Requests for devices: all of them where none is named or counted. */
function requested(devices: unknown): unknown {
  if (!Array.isArray(devices)) return devices;
  return devices.map((device: unknown) => (Object.hasOwn(dataOf(device), 'count') || Object.hasOwn(dataOf(device), 'device_ids') ? device : { ...dataOf(device), count: 'all' }));
}

function rawTrigger(trigger: Data, resolveLink: (path: string) => string): Data {
  const lists = ['ignore', 'include'].flatMap((key) => (typeof trigger[key] === 'string' ? [[key, [trigger[key]]]] : []));
  return { ...trigger, ...(typeof trigger['path'] === 'string' ? { path: resolveLink(trigger['path']) } : {}), ...Object.fromEntries(lists) };
}

function rawGrant(grant: unknown): Data {
  return typeof grant === 'string' ? { source: grant } : dataOf(grant);
}

function rawDevice(device: unknown): unknown {
  if (typeof device !== 'string') return device;
  const [source = '', target = source, permissions = 'rwm'] = device.split(':');
  return { source, target, permissions };
}

function rawVolume(volume: unknown, { resolve, normalize }: RawSurroundings): unknown {
  const mount = typeof volume === 'string' ? parseVolumeSpec(volume) : dataOf(volume);
  if (typeof mount === 'string') return volume;
  const { source, target, ...long } = dataOf(mount);
  const local = long['type'] === 'bind' && typeof source === 'string' && !isWindowsPath(source);
  return { ...long, ...(source === undefined ? {} : { source: local ? resolve(source) : source }), ...(target === undefined ? {} : { target: normalize && typeof target === 'string' ? cleanPath(target) : target }) };
}

/** All in long form, or, where a variable stands in one, all as they are. */
function rawPorts(ports: readonly unknown[]): unknown {
  const parsed = ports.map((port): string | readonly (readonly [string, unknown])[] => {
    if (typeof port !== 'string' && typeof port !== 'number') return [[JSON.stringify(port), { mode: 'ingress', protocol: 'tcp', ...dataOf(port) }]];
    const found = parsePortSpec(String(port));
    return typeof found === 'string' ? found : found.map((each) => [portKey(each, false), each] as const);
  });
  const all = parsed.flatMap((each) => (typeof each === 'string' ? [] : each));
  return parsed.some((each) => typeof each === 'string') ? uniqueBy(ports, (port) => port) : [...new Map(all).values()];
}

function rawResource(key: string, resource: Data, { name, resolve, normalize }: RawSurroundings): Data {
  const external = typeof resource['external'] === 'object' && resource['external'] !== null ? true : resource['external'];
  const named = dataOf(resource['external'])['name'] ?? resource['name'];
  const file = resource['file'];
  const options = dataOf(resource['driver_opts']);
  const bound = resource['driver'] === 'local' && options['o'] === 'bind' && typeof options['device'] === 'string';
  return {
    ...resource, ...(external === undefined ? {} : { external }), ...(named === undefined ? {} : { name: resource['name'] ?? named }), ...(resource['labels'] === undefined ? {} : { labels: distinct(resource['labels']) }),
    ...(typeof file === 'string' ? { file: resolve(file) } : {}), ...(bound ? { driver_opts: { ...options, device: resolve(String(options['device'])) } } : {}),
    ...(!normalize ? {} : { name: resource['name'] ?? named ?? (external === true || external === 'true' ? key : `${name}_${key}`) }),
  };
}

function dataOf(value: unknown): Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : {};
}
