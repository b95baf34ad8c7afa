import { always, command, either, fields, float, type Form, kept, list, named, plain, printed, texts } from './form.ts';

// The keys of the model in the order in which docker compose prints them.

/** Bytes are text; none are left out. */
const bytes: Form = (value) => value === undefined || value === '0' ? undefined : printed(value);
const items = list((value) => printed(value));

const hook = fields({ command, user: plain, privileged: plain, working_dir: plain, environment: texts });

/** A single limit is a number; 0 is as docker compose prints it. */
const ulimit: Form = (value, syntax) => {
  if (typeof value === 'number' && value !== 0) return value;
  const { soft, hard } = typeof value === 'object' && value !== null ? { soft: 0, hard: 0, ...value } : { soft: 0, hard: 0 };
  return syntax === 'yaml' ? new Map([['soft', soft], ['hard', hard]]) : new Map([['soft', soft], ['hard', hard]].filter((entry): entry is [string, number] => entry[1] !== 0));
};

/** Keys of an agent: names, or `name: path`. */
const ssh: Form = (value) => {
  const keys = Object.entries(typeof value === 'object' && value !== null ? value : {}).map(([id, path]) => typeof path === 'string' && path !== '' ? `${id}: ${path}` : id);
  return keys.length === 0 ? undefined : keys;
};

/** What a provider is given; an option without a value is none. */
const given: Form = (value, syntax) => named(items)(Object.fromEntries(Object.entries(typeof value === 'object' && value !== null ? value : {}).filter(([, each]) => !Array.isArray(each) || each.length > 0)), syntax);

const grant = fields({ source: plain, target: plain, uid: plain, gid: plain, mode: plain });

const build = fields({
  context: plain, dockerfile: plain, dockerfile_inline: plain, entitlements: items, args: texts, provenance: plain, sbom: plain, ssh, labels: texts, cache_from: items,
  cache_to: items, no_cache: plain, no_cache_filter: items, additional_contexts: texts, pull: plain, extra_hosts: items, isolation: plain, network: plain, target: plain, secrets: list(grant),
  shm_size: bytes, tags: items, ulimits: named(ulimit), platforms: items, privileged: plain,
});

const develop = fields({
  watch: list(fields({ path: kept, action: kept, target: plain, exec: always(hook), include: items, ignore: items, initial_sync: plain })),
});

/** Docker compose has no names of its own for these in JSON. */
const limited = (key: 'rate' | 'weight'): Form => {
  const form: Form = key === 'rate' ? (value) => printed(value ?? '0') : (value) => printed(value ?? 0);
  const path: Form = (value) => printed(value ?? '');
  const [yaml, json] = [fields({ path, [key]: form }), fields({ Path: path, [key === 'rate' ? 'Rate' : 'Weight']: form })];
  return either((value, syntax) => typeof value === 'object' && value !== null ? json(Object.fromEntries(Object.entries(value).map(([name, each]): [string, unknown] => [`${name.charAt(0).toUpperCase()}${name.slice(1)}`, each])), syntax) : undefined, yaml);
};
const rates = list(limited('rate'));

const blkio = fields({ weight: plain, weight_device: list(limited('weight')), device_read_bps: rates, device_read_iops: rates, device_write_bps: rates, device_write_iops: rates });

const device = fields({ source: plain, target: plain, permissions: plain });
const deviceRequest = fields({ capabilities: items, driver: plain, count: plain, device_ids: items, options: texts });

const resource = fields({
  cpus: float, memory: bytes, pids: plain, devices: list(deviceRequest),
  generic_resources: list(fields({ discrete_resource_spec: fields({ kind: (value) => printed(value ?? ''), value: (value) => printed(value ?? 0) }) })),
});
const update = fields({ parallelism: kept, delay: always0s(), failure_action: plain, monitor: always0s(), max_failure_ratio: float, order: plain });

/** A duration that is 0 says nothing. */
function always0s(): Form {
  return (value) => value === undefined || value === '0s' ? undefined : printed(value);
}

const deploy = fields({
  mode: plain, replicas: kept, labels: texts, update_config: update, rollback_config: update,
  resources: always(fields({ limits: resource, reservations: resource })),
  restart_policy: fields({ condition: plain, delay: kept, max_attempts: kept, window: kept }),
  placement: always(fields({ constraints: items, preferences: list(fields({ spread: plain })), max_replicas_per_node: plain })),
  endpoint_mode: plain,
});

const attachment = fields({
  aliases: items, driver_opts: texts, gw_priority: plain, interface_name: plain, ipv4_address: plain, ipv6_address: plain, link_local_ips: items, mac_address: plain, priority: plain,
});

const port = fields({ name: plain, mode: plain, host_ip: plain, target: plain, published: plain, protocol: plain, app_protocol: plain });

const volume = fields({
  type: plain, source: plain, target: plain, read_only: plain, consistency: plain,
  bind: fields({ selinux: plain, propagation: plain, create_host_path: plain, recursive: plain }),
  volume: fields({ labels: texts, nocopy: plain, subpath: plain }),
  tmpfs: fields({ size: bytes, mode: plain }),
  image: fields({ subpath: plain }),
});

const healthcheck = fields({ test: items, timeout: kept, interval: kept, retries: kept, start_period: kept, start_interval: kept, disable: plain });

export const serviceForms: Readonly<Record<string, Form>> = {
  profiles: items, annotations: texts, attach: kept, build, develop, blkio_config: blkio, cap_add: items, cap_drop: items, cgroup_parent: plain, cgroup: plain, cpu_count: plain,
  cpu_percent: float, cpu_period: plain, cpu_quota: plain, cpu_rt_period: plain, cpu_rt_runtime: plain, cpus: float, cpuset: plain, cpu_shares: plain, command,
  configs: list(grant), container_name: plain, credential_spec: fields({ config: plain, file: plain, registry: plain }),
  depends_on: named(fields({ condition: plain, restart: plain, required: kept })), deploy, device_cgroup_rules: items, devices: list(device), dns: items, dns_opt: items, dns_search: items,
  domainname: plain, entrypoint: command, provider: fields({ type: plain, options: given }), environment: texts, env_file: list(envFile()), expose: items,
  extends: fields({ file: plain, service: plain }), external_links: items, extra_hosts: items, group_add: items, gpus: list(deviceRequest), hostname: plain, healthcheck, image: plain,
  init: kept, ipc: plain, isolation: plain, labels: texts, label_file: items, links: items, logging: fields({ driver: plain, options: texts }), mem_limit: bytes, mem_reservation: bytes,
  memswap_limit: bytes, mem_swappiness: bytes, mac_address: plain, models: named((value, syntax) => value === null ? null : fields({ endpoint_var: plain, model_var: plain })(value, syntax)),
  network_mode: plain, networks: named((value, syntax) => value === null ? null : attachment(value, syntax)), oom_kill_disable: plain, oom_score_adj: plain, pid: plain, pids_limit: plain,
  platform: plain, ports: list(port), privileged: plain, pull_policy: plain, pull_refresh_after: plain, read_only: plain, restart: plain, runtime: plain, scale: kept, secrets: list(grant), security_opt: items,
  shm_size: bytes, stdin_open: plain, stop_grace_period: kept, stop_signal: plain, storage_opt: texts, sysctls: texts, tmpfs: items, tty: plain, ulimits: named(ulimit),
  use_api_socket: plain, user: plain, userns_mode: plain, uts: plain, volumes: list(volume), volumes_from: items, working_dir: plain, pre_start: list(fields({ command, image: plain, user: plain, privileged: plain, working_dir: plain, environment: texts, per_replica: plain })),
  post_start: list(hook), pre_stop: list(hook),
};

/** An env file that has to be there is its path alone. */
function envFile(): Form {
  const whole = fields({ path: plain, required: (value) => printed(value ?? true), format: plain });
  return (value, syntax) => typeof value === 'object' && value !== null && 'path' in value && !('required' in value && value.required === false) ? printed(value.path) : whole(value, syntax);
}

const network = fields({
  name: plain, driver: plain, driver_opts: texts,
  ipam: always(fields({ driver: plain, config: list(fields({ subnet: plain, gateway: plain, ip_range: plain, aux_addresses: texts })), options: texts })),
  external: plain, internal: plain, attachable: plain, labels: texts, enable_ipv4: kept, enable_ipv6: kept,
});

const fileObject = fields({ name: plain, file: plain, environment: plain, content: plain, external: plain, labels: texts, driver: plain, driver_opts: texts, template_driver: plain });

/** A whole project, sections without entries left out. */
export const stackForms = {
  name: plain,
  services: (value: unknown, syntax: 'json' | 'yaml') => named(fields(serviceForms))(value, syntax) ?? new Map(),
  networks: named(network),
  volumes: named(fields({ name: plain, driver: plain, driver_opts: texts, external: plain, labels: texts })),
  secrets: named(fileObject), configs: named(fileObject),
  models: named(fields({ name: plain, model: plain, context_size: plain, runtime_flags: items })),
} satisfies Readonly<Record<string, Form>>;
