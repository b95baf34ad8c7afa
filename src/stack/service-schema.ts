import { capability, signal } from './kernel-names.ts';
import { absolutePath, address, allowed, byteSize, command, duration, envFiles, extraHosts, grants, healthcheck, hook, hostname, image, ipv4, ipv6, labels, linkLocal, linkName, macAddress, namePattern, namesAs, nothingOr, options, pairs, path, ports, restart, startHook, tmpfs, ulimits, volumes } from './short-forms.ts';
import { anything, converted, count, decimal, dictOf, flag, integer, listOf, longOrShort, loose, oneOf, oneOrMore, parsed, record, text } from './shape.ts';
import type { Read, Shape } from './shape.ts';

const strings = listOf(text);

const cores = parsed('a number of cores, 0 or more', (value) => value !== '' && Number(value) >= 0 && Number.isFinite(Number(value)) ? Number(value) : undefined);

const serviceNetwork = record('a network of a service', {}, {
  aliases: strings, interface_name: linkName, ipv4_address: ipv4, ipv6_address: ipv6, link_local_ips: listOf(linkLocal), mac_address: macAddress,
  driver_opts: options, priority: integer, gw_priority: integer,
});

const dependency = converted(record('a dependency', { condition: oneOf('service_started', 'service_healthy', 'service_completed_successfully') }, { restart: flag, required: flag }),
  (value) => ({ ...value, required: value.required ?? true }));
type DependencyConfig = Read<typeof dependency>;

const deviceKeys = { count: parsed('a whole number or "all"', deviceCount), device_ids: strings, driver: text, options: pairs };
const devices = listOf(converted(record('a device request', { capabilities: strings }, deviceKeys), (value, tree, reading, where) => {
  if (value.count !== undefined && value.device_ids !== undefined) reading.mistakes.add(tree.at, `${where}: expected one of "count" and "device_ids", got both`);
  return value.count === undefined && value.device_ids === undefined ? { ...value, count: -1 } : value;
}));

function deviceCount(value: string): number | undefined {
  if (value === 'all') return -1;
  return /^\d+$/.test(value) ? Number(value) : undefined;
}

const updateConfig = record('an update config', {}, {
  parallelism: count, delay: duration, failure_action: text, monitor: duration, max_failure_ratio: decimal, order: oneOf('start-first', 'stop-first'),
});

const deploy = record('deploy', {}, {
  mode: text, endpoint_mode: text, replicas: count, labels, rollback_config: updateConfig, update_config: updateConfig,
  resources: record('resources', {}, {
    limits: record('limits', {}, { cpus: cores, memory: byteSize, pids: integer }),
    reservations: record('reservations', {}, {
      cpus: decimal, memory: byteSize, devices,
      generic_resources: listOf(record('a generic resource', {}, { discrete_resource_spec: record('a resource', {}, { kind: text, value: decimal }) })),
    }),
  }),
  restart_policy: record('a restart policy', {}, { condition: oneOf('none', 'on-failure', 'any'), delay: duration, max_attempts: count, window: duration }),
  placement: record('placement', {}, { constraints: strings, preferences: listOf(record('a preference', {}, { spread: text })), max_replicas_per_node: count }),
});

const longBuild = record('build', {}, {
  context: text, dockerfile: text, dockerfile_inline: text, entitlements: strings, args: pairs, ssh: pairs, labels, cache_from: strings, cache_to: strings,
  no_cache: flag, no_cache_filter: oneOrMore(text), additional_contexts: pairs, network: text, provenance: loose, sbom: loose, pull: flag, target: text,
  shm_size: byteSize, extra_hosts: extraHosts, isolation: text, privileged: flag, secrets: grants(null), tags: strings, ulimits, platforms: strings,
});
const build: Shape<Read<typeof longBuild>> = longOrShort(longBuild, converted(text, (context) => ({ context })));

/** The context of a build is a folder, unless it is a URL or a git reference. */
const buildConfig = converted(build, (value, _tree, reading) => {
  const local = (path: string): string => isRemote(path) ? path : reading.resolve(path);
  const contexts = Object.entries(value.additional_contexts ?? {}).map(([name, path]) => [name, path === null || path.startsWith('service:') ? path : local(path)]);
  return { ...value, context: local(value.context ?? '.'), ...(contexts.length === 0 ? {} : { additional_contexts: Object.fromEntries(contexts) as Record<string, string | null> }) };
});

/** A context that is no folder here. */
function isRemote(context: string): boolean {
  return /^[a-z-]+:\/\/|^git@|^github\.com\//.test(context);
}

const blkioLimits = listOf(record('a limit', {}, { path: text, rate: byteSize }));
const blkio = record('blkio_config', {}, {
  device_read_bps: blkioLimits, device_read_iops: blkioLimits, device_write_bps: blkioLimits, device_write_iops: blkioLimits,
  weight: integer, weight_device: listOf(record('a weight', {}, { path: text, weight: integer })),
});

const device = longOrShort(record('a device', { source: text }, { target: text, permissions: text }), converted(text, (value, tree, reading, where) => {
  const [source = '', target = source, permissions = 'rwm', ...more] = value.split(':');
  if (more.length === 0 && source !== '') return { source, target, permissions };
  reading.mistakes.add(tree.at, `${where}: expected SOURCE[:TARGET[:PERMISSIONS]], got ${JSON.stringify(value)}`);
  return undefined;
}));

const develop = record('develop', {}, {
  watch: listOf(record('a watch', { path, action: oneOf('rebuild', 'sync', 'restart', 'sync+restart', 'sync+exec') }, {
    ignore: oneOrMore(text), include: oneOrMore(text), target: text, exec: hook, initial_sync: flag,
  })),
});

const pullPolicy: Shape<string> = parsed('always, never, missing, build, if_not_present, refresh, daily, weekly or every_…', (value) =>
  /^(always|never|build|if_not_present|missing|refresh|daily|weekly|every_(\d+[wdhms])+)$/.test(value) ? value : undefined, text);

const containerName = parsed('a name of at least two letters, digits, "_", "." and "-" that starts with a letter or digit', (value) => /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(value) ? value : undefined, text);

const deviceRequest = record('a device request', {}, { capabilities: strings, ...deviceKeys });
type DeviceRequest = Read<typeof deviceRequest>;
const deviceRequests = listOf(converted(deviceRequest, (value): DeviceRequest => value.count === undefined && value.device_ids === undefined ? { ...value, count: -1 } : value));

/** `all`, or a list of requests. */
const gpus: Shape<readonly DeviceRequest[]> = {
  expected: '"all" or a list',
  read: (tree, reading, where) => tree.kind === 'leaf' ? converted(oneOf('all'), () => [{ count: -1 }]).read(tree, reading, where) : deviceRequests.read(tree, reading, where),
};

/** What is this program's own. */
const serviceExtension = record('x-bayplan', {}, { allow: listOf(allowed) });

/** A service of the Compose Specification (05-services), every key of it. */
export const serviceSchema = record('a service', {}, {
  annotations: labels, attach: flag, blkio_config: blkio, build: buildConfig, cap_add: oneOrMore(capability), cap_drop: oneOrMore(capability), cgroup: oneOf('host', 'private'),
  cgroup_parent: text, command, configs: grants(null), container_name: containerName, cpu_count: count, cpu_percent: decimal, cpu_period: integer,
  cpu_quota: integer, cpu_rt_period: integer, cpu_rt_runtime: integer, cpu_shares: integer, cpus: cores, cpuset: text,
  credential_spec: record('a credential spec', {}, { config: text, file: text, registry: text }),
  depends_on: namesAs<DependencyConfig>({ condition: 'service_started', required: true }, dictOf(dependency, namePattern)),
  deploy, develop, device_cgroup_rules: strings, devices: listOf(device), dns: oneOrMore(address), dns_opt: strings, dns_search: oneOrMore(text), domainname: text,
  entrypoint: command, env_file: envFiles, environment: pairs, expose: listOf(exposed()), extends: anything, external_links: strings, extra_hosts: extraHosts,
  gpus, group_add: listOf(loose), healthcheck, hostname, image, init: flag, ipc: text, isolation: text,
  label_file: oneOrMore(path), labels, links: strings, logging: record('logging', {}, { driver: text, options: dictOf(nothingOr(loose)) }), mac_address: macAddress,
  mem_limit: byteSize, mem_reservation: byteSize, mem_swappiness: byteSize, memswap_limit: byteSize,
  models: namesAs<{ endpoint_var?: string; model_var?: string } | null>(null, dictOf(nothingOr(record('a model of a service', {}, { endpoint_var: text, model_var: text })), namePattern)),
  network_mode: text, networks: namesAs<Read<typeof serviceNetwork> | null>(null, dictOf(nothingOr(serviceNetwork), namePattern)),
  oom_kill_disable: flag, oom_score_adj: integer, pid: nothingOr(text), pids_limit: integer, platform: text, ports, post_start: listOf(hook), pre_start: listOf(startHook),
  pre_stop: listOf(hook), privileged: flag, profiles: strings, provider: record('a provider', { type: text }, { options: dictOf(anything) }), pull_policy: pullPolicy,
  pull_refresh_after: text, read_only: flag, restart, runtime: text, scale: count, secrets: grants('/run/secrets'), security_opt: strings, shm_size: byteSize,
  stdin_open: flag, stop_grace_period: duration, stop_signal: signal, storage_opt: anything, sysctls: labels, tmpfs: oneOrMore(tmpfs), tty: flag, ulimits,
  use_api_socket: flag, user: text, userns_mode: text, uts: text, volumes, volumes_from: strings, working_dir: absolutePath, 'x-bayplan': serviceExtension,
});

/** A service in canonical form, as `config` prints it. */
export type ServiceConfig = Read<typeof serviceSchema>;

function exposed(): Shape<string> {
  return parsed('a port from 1 to 65535, or a range', (value) => /^\d{1,5}(-\d{1,5})?(\/(tcp|udp|sctp))?$/.test(value) ? value : undefined);
}
