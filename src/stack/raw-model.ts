import { isRemoteContext } from './service-schema.ts';
import { parsePortSpec } from './port-spec.ts';
import { plain, type Tree } from './tree.ts';
import { parseVolumeSpec } from './volume-spec.ts';

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
  const model = dataOf(plain(tree));
  delete model['version'];
  delete model['include'];
  const services = dataOf(model['services']);
  for (const [name, service] of Object.entries(services)) services[name] = rawService(dataOf(service), surroundings);
  const uses = surroundings.normalize && Object.values(services).some((service) => Object.hasOwn(dataOf(dataOf(service)['networks']), 'default'));
  const networks = { ...(uses ? { default: null } : {}), ...dataOf(model['networks']) };
  const sections: Data = { ...model, ...(surroundings.normalize ? { name: surroundings.name } : {}), services, ...(Object.keys(networks).length > 0 ? { networks } : {}) };
  for (const section of ['networks', 'volumes', 'secrets', 'configs']) {
    if (sections[section] === undefined) continue;
    sections[section] = Object.fromEntries(Object.entries(dataOf(sections[section])).map(([key, value]) => [key, value === null && !surroundings.normalize ? null : rawResource(key, dataOf(value), surroundings)]));
  }
  return sections;
}

function rawService(service: Data, { resolve, resolveLink, normalize }: RawSurroundings): Data {
  const at = (key: string, change: (value: unknown) => unknown): void => { if (service[key] !== undefined && service[key] !== null) service[key] = change(service[key]); };
  const names = (value: unknown): unknown => Array.isArray(value) ? Object.fromEntries(value.map((name) => [String(name), null])) : value;
  const listed = (value: unknown): unknown => typeof value === 'string' ? [value] : value;
  at('build', (value) => {
    const build = typeof value === 'string' ? { context: value } : dataOf(value);
    const context = typeof build['context'] === 'string' ? build['context'] : '.';
    const named = build['dockerfile'] !== undefined || build['dockerfile_inline'] !== undefined;
    return { ...build, context: isRemoteContext(context) ? context : resolve(context), ...(named || !normalize ? {} : { dockerfile: 'Dockerfile' }),
      ...(build['additional_contexts'] === undefined ? {} : { additional_contexts: pairs(build['additional_contexts'], (folder) => isRemoteContext(folder) ? folder : resolve(folder)) }),
      ...(build['ssh'] === undefined ? {} : { ssh: pairs(build['ssh'], resolve) }),
    };
  });
  at('develop', (value) => {
    const watch = dataOf(value)['watch'];
    return Array.isArray(watch) ? { ...dataOf(value), watch: watch.map((each: unknown) => typeof dataOf(each)['path'] === 'string' ? { ...dataOf(each), path: resolveLink(String(dataOf(each)['path'])) } : each) } : value;
  });
  at('depends_on', (value) => Object.fromEntries((Array.isArray(value) ? value.map((name): [string, unknown] => [String(name), {}]) : Object.entries(dataOf(value)))
    .map(([name, each]) => [name, { condition: 'service_started', required: true, ...dataOf(each) }])));
  at('env_file', (value) => (Array.isArray(value) ? value : [value]).map((each: unknown) => {
    const file = typeof each === 'string' ? { path: each } : dataOf(each);
    return { required: true, ...file, path: resolve(String(file['path'])) };
  }));
  at('label_file', (value) => (Array.isArray(value) ? value : [value]).map((each) => resolve(String(each))));
  for (const key of ['networks', 'models']) at(key, names);
  at('dns', listed);
  at('gpus', (value) => typeof value === 'string' ? [{ count: value }] : value);
  at('devices', (value) => Array.isArray(value) ? value.map(rawDevice) : value);
  for (const key of ['secrets', 'configs']) {
    at(key, (value) => Array.isArray(value) ? value.map((each: unknown) => {
      const grant = typeof each === 'string' ? { source: each } : dataOf(each);
      return key === 'secrets' ? { target: `/run/secrets/${String(grant['source'])}`, ...grant } : grant;
    }) : value);
  }
  at('volumes', (value) => Array.isArray(value) ? value.map((each: unknown) => rawVolume(each, resolve)) : value);
  at('ports', (value) => Array.isArray(value) ? rawPorts(value) : value);
  if (normalize && service['network_mode'] === undefined && service['provider'] === undefined && Object.keys(dataOf(service['networks'])).length === 0) service['networks'] = { default: null };
  delete service['extends'];
  return service;
}

/** A mapping, or a list of `NAME=VALUE`, with its values changed. */
function pairs(value: unknown, change: (text: string) => string): unknown {
  const changed = (each: unknown): unknown => typeof each === 'string' ? change(each) : each;
  if (!Array.isArray(value)) return Object.fromEntries(Object.entries(dataOf(value)).map(([name, each]) => [name, changed(each)]));
  return Object.fromEntries(value.map((item): [string, unknown] => { const [name = ''] = String(item).split('=', 1); return [name, String(item).includes('=') ? changed(String(item).slice(name.length + 1)) : null]; }));
}

function rawDevice(device: unknown): unknown {
  if (typeof device !== 'string') return device;
  const [source = '', target = source, permissions = 'rwm'] = device.split(':');
  return { source, target, permissions };
}

function rawVolume(volume: unknown, resolve: (path: string) => string): unknown {
  const mount = typeof volume === 'string' ? parseVolumeSpec(volume) : dataOf(volume);
  if (typeof mount === 'string') return volume;
  const long = dataOf(mount);
  return long['type'] === 'bind' && typeof long['source'] === 'string' ? { ...long, source: resolve(long['source']) } : long;
}

/** All in long form, or, where a variable stands in one, all as they are. */
function rawPorts(ports: readonly unknown[]): unknown {
  const parsed = ports.map((port) => (typeof port === 'string' || typeof port === 'number' ? parsePortSpec(String(port)) : [{ mode: 'ingress', protocol: 'tcp', ...dataOf(port) }]));
  return parsed.some((each) => typeof each === 'string') ? ports : parsed.flat();
}

function rawResource(key: string, resource: Data, { name, resolve, normalize }: RawSurroundings): Data {
  const external = resource['external'];
  const file = resource['file'];
  const options = dataOf(resource['driver_opts']);
  const bound = resource['driver'] === 'local' && options['o'] === 'bind' && typeof options['device'] === 'string';
  return {
    ...resource, ...(typeof file === 'string' ? { file: resolve(file) } : {}), ...(bound ? { driver_opts: { ...options, device: resolve(String(options['device'])) } } : {}),
    ...(!normalize ? {} : { name: resource['name'] ?? (external === true || external === 'true' ? key : `${name}_${key}`) }),
  };
}

function dataOf(value: unknown): Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : {};
}
