import { serviceForms } from '../../src/stack/config-forms.ts';
import { loadText } from './load-text.ts';

type Support = 'full' | 'partial' | 'not yet';

/** For each key of a service one value or more that shows what is done with it; what else the file needs stands in `around`. */
const serviceSamples: Readonly<Record<string, readonly string[]>> = {
  annotations: ['{ a: b }'], attach: ['false'], blkio_config: ['{ weight: 300 }'], build: ['.'], cap_add: ['[NET_ADMIN]'], cap_drop: ['[ALL]'], cgroup: ['private', 'host'], cgroup_parent: ['/x'],
  command: ['[a]'], configs: ['[c]'], container_name: ['web1'], cpu_count: ['1'], cpu_percent: ['50'], cpu_period: ['50000'], cpu_quota: ['20000'], cpu_rt_period: ['500000'], cpu_rt_runtime: ['1000'],
  cpu_shares: ['512'], cpus: ['0.5'], cpuset: ['"0"'], credential_spec: ['{ file: x }'], depends_on: ['[db]'],
  deploy: ['{ replicas: 2 }', '{ resources: { limits: { memory: 64m } } }', '{ restart_policy: { condition: any } }', '{ update_config: { order: start-first } }', '{ placement: { constraints: [a] } }', '{ mode: global }', '{ endpoint_mode: vip }', '{ resources: { reservations: { devices: [{ capabilities: [gpu] }] } } }'],
  develop: ['{ watch: [{ path: ., action: sync, target: /a }] }', '{ watch: [{ path: ., action: rebuild }] }'], device_cgroup_rules: ['["c 1:3 mr"]'], devices: ['[/dev/null]', '[vendor.com/class=name]'], dns: ['[1.1.1.1]'], dns_opt: ['[rotate]'], dns_search: ['[a.b]'], domainname: ['a.b'],
  entrypoint: ['[a]'], env_file: ['[{ path: a.env, required: false }]'], environment: ['{ A: b }'], expose: ['[80]'], extends: ['base'], external_links: ['[x]'], extra_hosts: ['[a=1.2.3.4]'], gpus: ['all'], group_add: ['[1]'],
  healthcheck: ['{ test: "true", start_interval: 1s }'], hostname: ['a'], image: ['b'], init: ['true'], ipc: ['private', 'host', 'shareable', '"service:db"'], isolation: ['default'], label_file: ['[labels]'], labels: ['{ a: b }'], links: ['[db]'],
  logging: ['{ driver: json-file }', '{ driver: none }', '{ driver: local }', '{ driver: syslog }', '{ driver: gelf }'], mac_address: ['02:00:00:00:00:01'], mem_limit: ['64m'], mem_reservation: ['32m'], mem_swappiness: ['10'], memswap_limit: ['-1'],
  models: ['[m]'], network_mode: ['host', 'none', '"service:db"', '"container:x"'], networks: ['{ n: { aliases: [a] } }'], oom_kill_disable: ['true'], oom_score_adj: ['10'], pid: ['host', '"service:db"'], pids_limit: ['10'], platform: ['linux/amd64'],
  ports: ['["80:80"]'], post_start: ['[{ command: [a] }]'], pre_start: ['[{ command: [a] }]'], pre_stop: ['[{ command: [a] }]'], privileged: ['true'], profiles: ['[p]'], provider: ['{ type: x }'], pull_policy: ['always', 'daily', 'build'], pull_refresh_after: ['1h'],
  read_only: ['true'], restart: ['always'], runtime: ['runc'], scale: ['2'], secrets: ['[s]'], security_opt: ['["no-new-privileges:true"]', '["seccomp:unconfined"]', '["apparmor:unconfined"]', '["label:disable"]'], shm_size: ['1m'], stdin_open: ['true'],
  stop_grace_period: ['1s'], stop_signal: ['SIGINT'], storage_opt: ['{ size: 1g }'], sysctls: ['{ net.core.somaxconn: 1 }'], tmpfs: ['[/run]'], tty: ['true'], ulimits: ['{ nofile: 10 }'], use_api_socket: ['true'], user: ['"1"'], userns_mode: ['host'],
  uts: ['host'], volumes: ['["./a:/a"]', '["data:/a"]', '[{ type: tmpfs, target: /a }]', '[{ type: image, source: b, target: /a }]', '[{ type: image, source: b, target: /a, image: { subpath: x } }]', '["./a:/a:z"]', '[{ type: bind, source: ./a, target: /a, read_only: true, bind: { recursive: readonly, propagation: rslave } }]', '[{ type: volume, source: data, target: /a, volume: { subpath: x, nocopy: true } }]', '[{ type: cluster, source: data, target: /a }]'], volumes_from: ['[db]', '["container:x"]'], working_dir: ['/a'],
};

/** Below `networks.n`, `volumes.data`, `secrets.s`, `configs.c`. */
const resourceSamples: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  networks: {
    name: ['x'], driver: ['bridge', 'macvlan', 'ipvlan', 'overlay'], driver_opts: ['{ com.docker.network.driver.mtu: "1400" }'], ipam: ['{ config: [{ subnet: 10.9.0.0/24 }] }', '{ driver: x }', '{ options: { a: b } }'], external: ['true'], internal: ['true'],
    attachable: ['true'], labels: ['{ a: b }'], enable_ipv4: ['true', 'false'], enable_ipv6: ['true'],
  },
  volumes: { name: ['x'], driver: ['local', 'x'], driver_opts: ['{ type: tmpfs, device: tmpfs }'], external: ['true'], labels: ['{ a: b }'] },
  secrets: { name: ['x, file: ./s'], file: ['./s'], environment: ['S'], external: ['true'], labels: ['{ a: b }, file: ./s'], driver: ['x, file: ./s'], driver_opts: ['{ a: b }, file: ./s'], template_driver: ['x, file: ./s'] },
  configs: { name: ['x, file: ./c'], file: ['./c'], environment: ['C'], content: ['x'], external: ['true'], labels: ['{ a: b }, file: ./c'], template_driver: ['x, file: ./c'] },
};

const declared: Readonly<Record<string, string>> = { networks: 'n: {}', volumes: 'data: {}', secrets: 's: { file: ./s }', configs: 'c: { file: ./c }', models: 'm: { model: x }' };

function load(service: string, resources: Readonly<Record<string, string>> = {}): { readonly notes: readonly string[]; readonly refused: readonly string[] } {
  const sections = Object.entries({ ...declared, ...resources }).map(([section, text]) => `${section}: { ${text} }\n`).join('');
  const { project, mistakes } = loadText(`services:\n  base: { image: base }\n  db: { image: db }\n  web: { ${service} }\n${sections}`, { profiles: ['p'], environment: { S: 's', C: 'c' } }, { '/app/labels': 'a=b\n' });
  if (project === null) throw new Error(`${service}: ${mistakes.map(({ message }) => message).join('; ')}`);
  return { notes: project.notes, refused: project.refusals.map(({ message }) => message) };
}

/** How the samples of a key fare together, and what is said of those that are not done. */
function judge(samples: readonly string[], at: (sample: string) => { readonly notes: readonly string[]; readonly refused: readonly string[] }): { readonly support: Support; readonly said: string } {
  const plain = load('image: a');
  const found = samples.map((sample) => {
    const { notes, refused } = at(sample);
    return { notes: notes.filter((note) => !plain.notes.includes(note)), refused };
  });
  const undone = found.filter(({ notes, refused }) => notes.length + refused.length > 0);
  const said = [...new Set(found.flatMap(({ notes, refused }) => [...refused, ...notes]))].map((line) => line.replace(/^(service web|services\.web|\w+\.\w+|network n): /, '').replace(/ \(a volume with.*/, '')).join('; ');
  return { support: undone.length === 0 ? 'full' : undone.length === found.length && undone.every(({ refused }) => refused.length > 0) ? 'not yet' : 'partial', said };
}

/** Keys that load and show, and that an engine of one machine has no use for. */
const unused = ['secrets.driver_opts', 'secrets.template_driver', 'configs.template_driver', 'secrets.labels', 'configs.labels'];

/** The table of all keys as Markdown, by trying each of them. */
export function supportTable(): string {
  const missing = Object.keys(serviceForms).filter((key) => serviceSamples[key] === undefined);
  if (missing.length > 0) throw new Error(`no sample for ${missing.join(', ')}`);
  const needs = (key: string): string => (key === 'image' || key === 'provider' ? '' : 'image: a, ');
  const rows = [
    ...Object.entries(serviceSamples).map(([key, samples]) => ({ key: `services.${key}`, ...judge(samples, (sample) => load(`${needs(key)}${key}: ${sample}`)) })),
    ...Object.entries(resourceSamples).flatMap(([section, keys]) => Object.entries(keys).map(([key, samples]) => {
      const [name = ''] = (declared[section] ?? '').split(':');
      const use = section === 'volumes' ? 'volumes: ["data:/a"]' : `${section}: [${name}]`;
      return { key: `${section}.${key}`, ...judge(samples, (sample) => load(`image: a, ${use}`, { [section]: `${name}: { ${key}: ${sample} }` })) };
    })),
  ].sort((a, b) => (a.key < b.key ? -1 : 1));
  const judged = rows.map((row) => (unused.includes(row.key) ? { ...row, support: 'partial' as const, said: 'shows in `config`; means something to clusters alone' } : row));
  return judged.map(({ key, support, said }) => `| \`${key}\` | ${support} | ${said.replaceAll('|', '\\|')} |\n`).join('');
}
