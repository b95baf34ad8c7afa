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
  'a volume': { device: 'driver_opts', o: 'driver_opts', type: 'driver_opts' },
  'a stack file': { image: 'services.NAME', build: 'services.NAME', ports: 'services.NAME', environment: 'services.NAME', command: 'services.NAME' },
};

/** What people call keys that have another name. */
const names: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'a service': { memory: 'mem_limit', cpu: 'cpus', name: 'container_name', cmd: 'command', env: 'environment', envs: 'environment', depends: 'depends_on', host: 'hostname', net: 'network_mode', network: 'networks', log_driver: 'logging', workdir: 'working_dir' },
  'a healthcheck': { cmd: 'test', command: 'test', start_delay: 'start_period', period: 'interval' },
  'a port': { container_port: 'target', host_port: 'published', container: 'target', host: 'published', ip: 'host_ip' },
  'a mount': { destination: 'target', src: 'source', dst: 'target', host: 'source', container: 'target', readonly: 'read_only' },
  limits: { mem: 'memory', mem_limit: 'memory' }, reservations: { mem: 'memory' }, build: { path: 'context', file: 'dockerfile' },
};

const logOptions = ['max-size', 'max-file', 'tag', 'labels', 'compress', 'mode', 'syslog-address', 'gelf-address', 'fluentd-address'];

/** What to do about a key that is unknown where it stands, beside a name that is spelt alike; '' where nothing is known of it. */
export function hintFor(key: string, what: string, { value }: Entry): string {
  const [home, name] = [homes[what], names[what]];
  if (home !== undefined && Object.hasOwn(home, key)) return `; it belongs below "${home[key] ?? ''}"`;
  if (name !== undefined && Object.hasOwn(name, key)) return `; the key is "${name[key] ?? ''}"`;
  if (what === 'logging' && logOptions.includes(key)) return '; it belongs below "options"';
  const isService = child(value, 'image') !== undefined || child(value, 'build') !== undefined;
  if (isService && what === 'a stack file') return '; services stand below "services:"';
  return isService && what === 'a service' ? '; if it is a service, indent it as far as the one above' : '';
}

/** What to do where a mapping or list was expected and something else is there. */
export function shapeHint(expected: string, tree: Tree): string {
  if (tree.kind !== 'leaf') return tree.kind === 'dict' && expected === 'a list' ? '; begin each item with "- "' : tree.kind === 'list' && expected === 'a mapping' ? '; write KEY: value, without "- "' : '';
  const { value } = tree;
  if (value === null) return expected.startsWith('a mapping') || expected === 'a list' ? '; indent what belongs to it, or leave the key out' : '';
  if (typeof value !== 'string') return '';
  if (expected.startsWith('a whole number')) return '; write it in digits, such as 3';
  if (expected === 'a number') return '; write it in digits, such as 1.5';
  if (expected === 'true or false') return '; write one of the two';
  const pair = /^([\w.-]+):(\S.*)$/.exec(value);
  if (pair !== null && expected === 'a mapping') return `; a colon needs a blank after it: ${pair[1] ?? ''}: ${pair[2] ?? ''}`;
  if (expected === 'a mapping') return '; write KEY: value on lines of its own, indented below it';
  if (expected === 'a mapping or a list of KEY=value' && value.includes('=')) return `; write [${JSON.stringify(value.length > 40 ? '…' : value)}]`;
  if (/^-\S/.test(value) && expected === 'a list') return '; a "-" needs a blank after it';
  return expected === 'a list' || expected === 'a mapping or a list of names' ? `; write [${JSON.stringify(value.length > 40 ? '…' : value)}]` : '';
}
