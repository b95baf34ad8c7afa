import { byteSize, byteText, command, duration, envFiles, extraHosts, grants, healthcheck, hook, labels, namePattern, namesAs, nothingOr, onChange, options, pairs, path, ports, restart, startHook, ulimits, unrepeatedLabels, unrepeatedPairs, volumes, wholeByteSize } from './short-forms.ts';
import { anything, converted, decimal, dictOf, distinct, flag, integer, listOf, longOrShort, loose, number, oneOf, oneOrMore, orAbsent, parsed, plainFlag, record, text, textOrNumber, textOrWhole, unrepeated, wholeCount, wholeInteger } from './shape.ts';
import type { Read, Shape } from './shape.ts';

const strings = listOf(text);
/** Each once; what stands before a "=" tells them apart. */
const keyed = distinct(text, (value) => value.split('=', 1)[0]);
const unlike = unrepeated(text);

const serviceNetwork = record('a network of a service', {}, {
  aliases: keyed, interface_name: text, ipv4_address: text, ipv6_address: text, link_local_ips: keyed, mac_address: text,
  driver_opts: options, priority: integer, gw_priority: integer,
});

const dependency = converted(record('a dependency', { condition: oneOf('service_started', 'service_healthy', 'service_completed_successfully') }, { restart: flag, required: plainFlag }),
  (value) => ({ ...value, required: value.required ?? true }));
type DependencyConfig = Read<typeof dependency>;

const deviceKeys = { count: deviceCount(), device_ids: unlike, driver: text, options: unrepeatedLabels };

/** A request that counts nothing and names none means all. */
const wholeRequest = <T extends { readonly count?: number; readonly device_ids?: readonly string[] }>(shape: Shape<T>): Shape<T> => converted(shape, (value, tree, reading, where) => {
  if (value.count !== undefined && value.device_ids !== undefined) reading.mistakes.add(tree.at, `${where}: expected one of "count" and "device_ids", got both; keep one`);
  return value.count === undefined && value.device_ids === undefined ? { ...value, count: -1 } : value;
});
const devices = listOf(wholeRequest(record('a device request', { capabilities: unlike }, deviceKeys)));

function deviceCount(): Shape<number> {
  const inText = parsed('a whole number or "all"', (value) => value.toLowerCase() === 'all' ? -1 : /^[+-]?\d+$/.test(value) ? Number(value) : undefined, text);
  return { expected: inText.expected, read: (tree, reading, where) => tree.kind === 'leaf' && typeof tree.value === 'number' ? wholeInteger.read(tree, reading, where) : inText.read(tree, reading, where) };
}

const updateConfig = record('an update config', {}, {
  parallelism: wholeCount, delay: duration, failure_action: text, monitor: duration, max_failure_ratio: decimal, order: oneOf('start-first', 'stop-first'),
});

const deploy = record('deploy', {}, {
  mode: text, endpoint_mode: text, replicas: wholeInteger, labels, rollback_config: updateConfig, update_config: updateConfig,
  resources: record('resources', {}, {
    limits: record('limits', {}, { cpus: decimal, memory: byteText, pids: wholeInteger }),
    reservations: record('reservations', {}, {
      cpus: decimal, memory: byteText, devices,
      generic_resources: listOf(record('a generic resource', {}, { discrete_resource_spec: record('a resource', {}, { kind: text, value: integer }) })),
    }),
  }),
  restart_policy: record('a restart policy', {}, { condition: text, delay: duration, max_attempts: wholeCount, window: duration }),
  placement: record('placement', {}, { constraints: strings, preferences: listOf(record('a preference', {}, { spread: text })), max_replicas_per_node: wholeCount }),
});

/** Names of contexts; each has to have a value. */
const contexts: Shape<Readonly<Record<string, string>>> = converted(pairs, (value, tree, reading, where) => {
  if (tree.kind === 'list') for (const [name, each] of Object.entries(value)) if (each === null) reading.mistakes.add(tree.at, `${where}: expected NAME=CONTEXT, got ${JSON.stringify(name)}`);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, each ?? '']));
});

/** An agent's or a key's name, perhaps with its path. */
const ssh: Shape<Readonly<Record<string, string | null>>> = converted(unrepeatedPairs, (value, tree, reading, where) => {
  for (const [id, each] of Object.entries(value)) if (tree.kind === 'list' && each === null && id !== 'default') reading.mistakes.add(tree.at, `${where}: expected "default" or NAME=PATH, got ${JSON.stringify(id)}`);
  return Object.fromEntries(Object.entries(value).map(([id, path]) => [id, path === null || path === '' ? path : reading.resolve(path)]));
});

const longBuild = record('build', {}, {
  context: text, dockerfile: text, dockerfile_inline: text, entitlements: strings, args: pairs, ssh, labels, cache_from: strings, cache_to: strings,
  no_cache: flag, no_cache_filter: oneOrMore(text, unlike), additional_contexts: contexts, network: text, provenance: truthOrText(), sbom: truthOrText(), pull: flag, target: text,
  shm_size: wholeByteSize, extra_hosts: extraHosts, isolation: text, privileged: flag, secrets: grants(null), tags: keyed, ulimits, platforms: strings,
});
const build: Shape<Read<typeof longBuild>> = longOrShort(longBuild, converted(text, (context) => ({ context })));

function truthOrText(): Shape<string> {
  return { expected: 'a string or a boolean', read: (tree, reading, where) => tree.kind === 'leaf' && typeof tree.value === 'boolean' ? String(tree.value) : text.read(tree, reading, where) };
}

/** The context of a build is a folder, unless it is a URL or a git reference. */
const buildConfig = converted(build, (value, _tree, reading) => {
  const local = (folder: string): string => isRemoteContext(folder) || folder === '' ? folder : reading.resolve(folder);
  const others = Object.entries(value.additional_contexts ?? {}).map(([name, folder]): [string, string] => [name, local(folder)]);
  return { ...value, context: local(value.context ?? '.'), ...(others.length === 0 ? {} : { additional_contexts: Object.fromEntries(others) }) };
});

/** A context that is no folder here. */
export function isRemoteContext(context: string): boolean {
  return context.includes('://') || /^(service:|git@|github\.com\/)/.test(context);
}

const blkioLimits = listOf(record('a limit', {}, { path: text, rate: wholeByteSize }));
/** Docker compose takes no text here. */
const weight = number('a whole number from 10 to 1000', { fraction: 'refused', least: 0, most: 65535 });
const blkio = record('blkio_config', {}, {
  device_read_bps: blkioLimits, device_read_iops: blkioLimits, device_write_bps: blkioLimits, device_write_iops: blkioLimits,
  weight, weight_device: listOf(record('a weight', {}, { path: text, weight })),
});

const device = longOrShort(record('a device', { source: text, target: text }, { permissions: text }), converted(text, (value, tree, reading, where) => {
  const [source = '', target = '', permissions = 'rwm', ...more] = value.split(':');
  if (more.length === 0) return { source, target: target === '' ? source : target, permissions };
  reading.mistakes.add(tree.at, `${where}: expected SOURCE[:TARGET[:PERMISSIONS]], got ${JSON.stringify(value)}`);
  return undefined;
}));

const watched: Shape<string> = converted(text, (value, _tree, reading) => value === '' ? '' : reading.resolveLink(value));

const develop = record('develop', {}, {
  watch: listOf(record('a watch', { path: parsed('a path', (value) => value === '' ? undefined : value, watched), action: oneOf('rebuild', 'sync', 'restart', 'sync+restart', 'sync+exec') }, {
    ignore: oneOrMore(text, unlike), include: oneOrMore(text, unlike), target: text, exec: hook, initial_sync: plainFlag,
  })),
});

const pullPolicy: Shape<string> = parsed('always, never, missing, build, if_not_present, refresh, daily, weekly or every_…', (value) =>
  /always|never|build|if_not_present|missing|refresh|daily|weekly|every_(\d+[wdhms])+/.test(value) ? value : undefined, text);

const containerName = parsed('a name of at least two letters, digits, "_", "." and "-" that starts with a letter or digit', (value) => /[a-zA-Z0-9][a-zA-Z0-9_.-]+/.test(value) ? value : undefined, text);

const deviceRequest = record('a device request', {}, { capabilities: unlike, ...deviceKeys });
type DeviceRequest = Read<typeof deviceRequest>;
const deviceRequests = listOf(wholeRequest(deviceRequest));

/** `all`, or a list of requests. */
const gpus: Shape<readonly DeviceRequest[]> = {
  expected: '"all" or a list',
  read: (tree, reading, where) => tree.kind === 'leaf' ? converted(oneOf('all'), () => [{ count: -1 }]).read(tree, reading, where) : deviceRequests.read(tree, reading, where),
};

/** A provider's options can be given several times. */
const providerOptions: Shape<Readonly<Record<string, readonly string[]>>> = dictOf({
  expected: 'a value or a list',
  read: (tree, reading, where) => {
    if (tree.kind === 'list') return listOf(loose).read(tree, reading, where);
    const value = loose.read(tree, reading, where);
    return value === undefined ? undefined : [value];
  },
});

/** Free options that are text, or whole numbers. */
const storageOptions = dictOf(textOrWhole);

const dns = converted(oneOrMore(text, keyed), (values) => values.filter((value) => value !== ''));

/** What is this program's own. */
export const ownKeys = {
  allow: listOf(text), cgroup: text, on_change: onChange, drift: oneOf('heal', 'report'), unhealthy: oneOf('leave', 'restart'), time: record('a time namespace', {}, { namespace: text, monotonic: text, boottime: text }),
  schedule: text, timezone: text, overlap: oneOf('skip', 'queue', 'replace'), retries: wholeCount, timeout: duration, history: wholeCount,
};

/** A service of the Compose Specification (05-services), every key of it. */
export const serviceSchema = record('a service', {}, {
  annotations: labels, attach: flag, blkio_config: blkio, build: buildConfig, cap_add: keyed, cap_drop: keyed, cgroup: oneOf('host', 'private'),
  cgroup_parent: text, command, configs: grants(null), container_name: containerName, cpu_count: wholeCount, cpu_percent: number('a whole number from 0 to 100', { fraction: 'refused', least: 0, most: 100 }), cpu_period: integer,
  cpu_quota: integer, cpu_rt_period: integer, cpu_rt_runtime: integer, cpu_shares: integer, cpus: decimal, cpuset: text,
  credential_spec: record('a credential spec', {}, { config: text, file: text, registry: text }),
  depends_on: namesAs<DependencyConfig>({ condition: 'service_started', required: true }, dictOf(dependency, namePattern)),
  deploy: orAbsent(deploy), develop: orAbsent(develop), device_cgroup_rules: unlike, devices: distinct(device, ({ target }) => target), dns, dns_opt: keyed, dns_search: oneOrMore(text, keyed), domainname: text,
  entrypoint: command, env_file: envFiles, environment: pairs, expose: distinct(textOrWhole), extends: anything, external_links: unlike, extra_hosts: extraHosts,
  gpus, group_add: unrepeated(textOrWhole), healthcheck, hostname: text, image: text, init: flag, ipc: text, isolation: text,
  label_file: oneOrMore(path), labels, links: keyed, logging: record('logging', {}, { driver: text, options: converted(dictOf(nothingOr(textOrNumber)), (value): Readonly<Record<string, string>> => Object.fromEntries(Object.entries(value).map(([name, each]) => [name, each ?? '']))) }), mac_address: text,
  mem_limit: byteSize, mem_reservation: wholeByteSize, mem_swappiness: wholeByteSize, memswap_limit: byteSize,
  models: namesAs<{ endpoint_var?: string; model_var?: string } | null>(null, dictOf(nothingOr(record('a model of a service', {}, { endpoint_var: text, model_var: text })))),
  network_mode: text, networks: namesAs<Read<typeof serviceNetwork> | null>(null, dictOf(nothingOr(serviceNetwork), namePattern)),
  oom_kill_disable: flag, oom_score_adj: number('a whole number from -1000 to 1000', { fraction: 'refused', least: -1000, most: 1000 }), pid: nothingOr(text), pids_limit: integer, platform: text, ports, post_start: listOf(hook), pre_start: listOf(startHook),
  pre_stop: listOf(hook), privileged: flag, profiles: keyed, provider: record('a provider', { type: text }, { options: providerOptions }), pull_policy: pullPolicy,
  pull_refresh_after: text, read_only: flag, restart, runtime: text, scale: wholeInteger, secrets: grants('/run/secrets'), security_opt: unlike, shm_size: byteSize,
  stdin_open: flag, stop_grace_period: duration, stop_signal: text, storage_opt: storageOptions, sysctls: labels, tmpfs: oneOrMore(text, keyed), tty: flag, ulimits,
  use_api_socket: plainFlag, user: text, userns_mode: text, uts: text, volumes, volumes_from: unlike, working_dir: text, 'x-bayplan': record('x-bayplan', {}, ownKeys),
});

/** A service in canonical form, as `config` prints it. */
export type ServiceConfig = Read<typeof serviceSchema>;
