import { suggest } from './nearest.ts';
import { child, type Entry, type Tree } from './tree.ts';

/** Where keys belong that people write elsewhere: by what they were found in. */
const homes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'a service': {
    restart_policy: 'deploy', resources: 'deploy', replicas: 'deploy', placement: 'deploy', update_config: 'deploy', rollback_config: 'deploy', endpoint_mode: 'deploy', mode: 'deploy',
    limits: 'deploy.resources', reservations: 'deploy.resources', dockerfile: 'build', context: 'build', args: 'build', dockerfile_inline: 'build', cache_from: 'build', target: 'build',
    test: 'healthcheck', interval: 'healthcheck', timeout: 'healthcheck', retries: 'healthcheck', start_period: 'healthcheck', driver: 'logging', options: 'logging', watch: 'develop', aliases: 'networks.NAME', ipv4_address: 'networks.NAME',
  },
  deploy: { limits: 'resources', reservations: 'resources', condition: 'restart_policy', max_attempts: 'restart_policy', constraints: 'placement', parallelism: 'update_config' },
  'a network': { subnet: 'ipam.config', gateway: 'ipam.config', config: 'ipam' },
  ipam: { subnet: 'config', gateway: 'config', ip_range: 'config', aux_addresses: 'config' },
  'a volume': { device: 'driver_opts', o: 'driver_opts', type: 'driver_opts' },
  'a stack file': { image: 'services.NAME', build: 'services.NAME', ports: 'services.NAME', environment: 'services.NAME', command: 'services.NAME', deploy: 'services.NAME', healthcheck: 'services.NAME', restart: 'services.NAME', depends_on: 'services.NAME', env_file: 'services.NAME', labels: 'services.NAME' },
};

/** What people call keys that have another name. */
const names: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'a service': { memory: 'mem_limit', cpu: 'cpus', name: 'container_name', cmd: 'command', env: 'environment', envs: 'environment', depends: 'depends_on', host: 'hostname', net: 'network_mode', network: 'networks', log_driver: 'logging', workdir: 'working_dir', volume_from: 'volumes_from', images: 'image' },
  'a healthcheck': { cmd: 'test', command: 'test', start_delay: 'start_period', period: 'interval' },
  'a port': { container_port: 'target', host_port: 'published', container: 'target', host: 'published', ip: 'host_ip' },
  'a mount': { destination: 'target', src: 'source', dst: 'target', host: 'source', container: 'target', readonly: 'read_only' },
  limits: { mem: 'memory', mem_limit: 'memory' }, reservations: { mem: 'memory' }, build: { path: 'context', file: 'dockerfile' },
};

/** Sections of a file that people indent below `services:`. */
const sections: readonly string[] = ['volumes', 'networks', 'secrets', 'configs'];
/** Keys that make a mapping a service, and those that people write straight below `services:`. */
const making: readonly string[] = ['image', 'build', 'extends', 'provider'];
const ofService: readonly string[] = [...making, 'ports', 'environment', 'command', 'restart', 'container_name', 'depends_on', 'env_file', 'volumes', 'networks', 'labels', 'healthcheck', 'deploy'];

const logOptions = ['max-size', 'max-file', 'tag', 'labels', 'compress', 'mode', 'syslog-address', 'gelf-address', 'fluentd-address'];

/** Keys of a service that `deploy` has under another name. */
const besideDeploy: Readonly<Record<string, string>> = { mem_limit: ', or write "memory" below "resources.limits"', cpus: ', or write it below "resources.limits"', pids_limit: ', or write "pids" below "resources.limits"', scale: ', or write "replicas"' };

/** What is no service though it stands below `services:`; null: it may be one. */
export function noService(key: string, value: Tree): string | null {
  if (value.kind === 'dict') {
    const section = sections.includes(key) && making.every((each) => child(value, each) === undefined) && [...value.entries.keys()].every((each) => !ofService.includes(each));
    return section ? `expected a service, got the section "${key}"; begin its line as far left as that of "services:"` : null;
  }
  const [service, got] = [ofService.includes(key), value.kind === 'leaf' && value.value === null];
  if (sections.includes(key) && got) return `expected a service, got the section "${key}"; begin its line as far left as that of "services:"`;
  return service && !got ? `expected the name of a service, got its key "${key}"; write it below the name, NAME: ${key}:` : null;
}

/** What to do about a key that is unknown where it stands, beside a name that is spelt alike; '' where nothing is known of it. */
export function hintFor(key: string, what: string, { value }: Entry): string {
  const [home, name] = [homes[what], names[what]];
  if (/^[\u00a0\u2000-\u200b\u3000]/.test(key)) return '; it begins with no-break spaces, which indent nothing: write plain ones';
  if (what === 'a service' && key === 'network' && value.kind === 'leaf' && /^(host|none|bridge|(service|container):.+)$/.test(value.text)) return '; the key is "network_mode"';
  if (what === 'a network of a service' && ['external', 'driver', 'internal', 'name', 'ipam'].includes(key)) return '; it belongs where the network is declared, below "networks:" at the left margin';
  if (what === 'a secret' && key === 'content') return '; only configs have it: write file: or environment:';
  if (home !== undefined && Object.hasOwn(home, key)) return `; it belongs below "${home[key] ?? ''}"`;
  if (name !== undefined && Object.hasOwn(name, key)) return `; the key is "${name[key] ?? ''}"`;
  if (['deploy', 'build', 'a healthcheck', 'logging'].includes(what) && (ofService.includes(key) || Object.hasOwn(besideDeploy, key))) return `; it belongs beside "${what === 'a healthcheck' ? 'healthcheck' : what}": indent it less${besideDeploy[key] ?? ''}`;
  if (what === 'logging' && logOptions.includes(key)) return '; it belongs below "options"';
  const isService = child(value, 'image') !== undefined || child(value, 'build') !== undefined;
  if (isService && what === 'a stack file') return '; services stand below "services:"';
  return isService && what === 'a service' ? '; if it is a service, indent it as far as the one above' : '';
}

/** What stands for the whole of a mapping where people write only that. */
const wholes: readonly (readonly [RegExp, string])[] = [
  [/^services\.[^.]+\.healthcheck$/, '; write test: COMMAND below it'],
  [/^services\.[^.]+\.logging$/, '; write driver: NAME below it'],
  [/^volumes\.[^.]+$/, '; a folder of the host is named where it is used, volumes: ["FOLDER:TARGET"], and not declared'],
];

/** What to do with a file that is no stack file at all. */
export function topHint(tree: Tree): string {
  const text = tree.kind === 'leaf' ? tree.text : '';
  if (/^<(!doctype|html|\?xml)\b/i.test(text)) return '; this is a page of a web site: get the file itself';
  return /^FROM \S/.test(text) ? '; this is a Dockerfile: name it in build.dockerfile of a service' : '; begin with "services:"';
}

/** What to do where a mapping or list was expected and something else is there. */
export function shapeHint(expected: string, tree: Tree, where = ''): string {
  if (tree.kind === 'dict' && (expected === 'a string or a list' || expected === 'a string or a list of strings')) return '; write text, or items that begin with "- "';
  if (tree.kind === 'dict' && expected === 'a name') return '; write the names as keys, without "- "';
  if (tree.kind !== 'leaf') return tree.kind === 'dict' && expected === 'a list' ? '; begin each item with "- "' : tree.kind === 'list' && expected === 'a mapping' ? '; write KEY: value, without "- "' : '';
  const { value } = tree;
  if (value === null && /\.extra_hosts\.[^.]+$/.test(where)) return '; write HOST: ADDRESS';
  if (value === null) return expected.startsWith('a mapping') || expected === 'a list' ? '; indent what belongs to it, or leave the key out' : '';
  if (typeof value !== 'string') return '';
  if (/["“”„‘’]/.test(value.charAt(0)) && value.charAt(0) !== '"') return '; these quotes are text to YAML: write "…"';
  if (expected.startsWith('always, never')) return suggest(value, ['always', 'never', 'missing', 'build', 'if_not_present', 'refresh', 'daily', 'weekly']) || '; take one of these';
  const known = wholes.find(([place]) => place.test(where));
  if (known !== undefined && expected === 'a mapping') return known[1];
  if (expected.startsWith('a whole number')) return '; write it in digits, such as 3';
  if (expected === 'a number') return '; write it in digits, such as 1.5';
  if (expected === 'true or false') return '; write one of the two';
  const pair = /^([\w.-]+):(\S.*)$/.exec(value);
  if (pair !== null && expected === 'a mapping') return `; a colon needs a blank after it: ${pair[1] ?? ''}: ${pair[2] ?? ''}`;
  if (expected === 'a mapping') return '; write KEY: value on lines of its own, indented below it';
  if (expected === 'a mapping or a list of KEY=value' && /=\S* +\S+=/.test(value)) return '; begin each with "- ", or write KEY: value';
  if (expected === 'a mapping or a list of KEY=value' && value.includes('=')) return `; write [${JSON.stringify(value.length > 40 ? '…' : value)}]`;
  if (/^-\S/.test(value) && expected === 'a list') return '; a "-" needs a blank after it';
  return expected === 'a list' || expected === 'a mapping or a list of names' ? `; write [${JSON.stringify(value.length > 40 ? '…' : value)}]` : '';
}
