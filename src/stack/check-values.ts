import { isIP, isIPv4, isIPv6 } from 'node:net';
import { parseDuration } from '../state/duration.ts';
import { isHardwareAddress } from '../state/hardware-address.ts';
import { isReference } from '../state/image-reference.ts';
import { MOST_CONTAINERS } from '../state/most-containers.ts';
import { tmpfsOptionProblem } from '../state/tmpfs-options.ts';
import { parseByteSize } from './byte-size.ts';
import { jobProblems } from './job.ts';
import { capabilityProblem, signalProblem } from './kernel-names.ts';
import type { Mistakes } from './mistake.ts';
import { replicasOf } from './replicas.ts';
import { suggest } from './nearest.ts';
import type { StackConfig } from './schema.ts';
import type { ServiceConfig } from './service-schema.ts';
import { valuePlaceOf } from './tree.ts';
import type { Dict, Tree } from './tree.ts';

/** Says what is wrong with the value at a path; null: nothing. */
type Tell = (path: readonly (string | number)[], problem: string | null) => void;

/**
 * Values that are well formed and that no container can be made with: docker compose prints such a file too, and fails when it is brought up. They are
 * told before anything is made, with their place.
 */
export function checkValues(stack: StackConfig, services: Readonly<Record<string, ServiceConfig>>, tree: Tree, refusals: Mistakes): void {
  const tell: Tell = (path, problem) => {
    if (problem !== null) refusals.add(valuePlaceOf(tree, path), `${path.map((part) => typeof part === 'number' ? `[${String(part)}]` : `.${part}`).join('').slice(1)}: ${problem}`);
  };
  if (tree.kind === 'dict') checkOwn(tree, tell);
  let containers = 0;
  for (const [name, service] of Object.entries(services)) {
    const fitted = containers <= MOST_CONTAINERS;
    containers += replicasOf(service);
    if (fitted && containers > MOST_CONTAINERS) tell(['services', name, ...(service.scale === undefined ? ['deploy', 'replicas'] : ['scale'])], `expected at most ${MOST_CONTAINERS} containers in a stack, got ${containers}`);
    checkService(service, (path, problem) => { tell(['services', name, ...path], problem); });
    for (const [key, problem] of jobProblems(service)) tell(['services', name, 'x-bayplan', key], problem);
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      if (services[other]?.['x-bayplan']?.schedule !== undefined) tell(['services', name, 'depends_on', other], `service "${other}" runs on a schedule, so there is nothing to wait for (${condition}); leave it out`);
    }
    checkAddresses(service, (path, problem) => { tell(['services', name, ...path], problem); });
  }
  for (const [key, network] of Object.entries(stack.networks ?? {})) {
    network?.ipam?.config?.forEach(({ subnet = '', ip_range: range = '', gateway = '' }, index) => {
      const at = (field: string): readonly (string | number)[] => ['networks', key, 'ipam', 'config', index, field];
      tell(at('subnet'), subnet === '' || isSubnet(subnet) ? null : got('a subnet such as 10.9.0.0/24', subnet));
      tell(at('ip_range'), range === '' || isSubnet(range) ? null : got('a subnet such as 10.9.0.0/24', range));
      tell(at('gateway'), gateway === '' || isIP(gateway) !== 0 ? null : got('an IP address', gateway));
    });
  }
}

/** What `x-bayplan` can say at the top of the file, which is no key of the specification. */
const OWN: Readonly<Record<string, readonly string[]>> = { drift: ['heal', 'report'], on_failure: ['rollback'] };

function checkOwn(tree: Dict, tell: Tell): void {
  const own = tree.entries.get('x-bayplan')?.value;
  if (own === undefined || (own.kind === 'leaf' && own.value === null)) return;
  if (own.kind !== 'dict') return tell(['x-bayplan'], `expected a mapping of ${Object.keys(OWN).join(' and ')}, got ${own.kind === 'leaf' ? JSON.stringify(own.value) : `a ${own.kind}`}`);
  for (const [key, { value }] of own.entries) {
    const known = OWN[key];
    if (known === undefined) tell(['x-bayplan', key], `it is not known here${suggest(key, Object.keys(OWN)) || `; known are ${Object.keys(OWN).join(' and ')}`}`);
    else if (!(value.kind === 'leaf' && known.includes(String(value.value)))) tell(['x-bayplan', key], got(known.map((one) => `"${one}"`).join(' or '), value.kind === 'leaf' ? String(value.value) : value.kind));
  }
}

function checkUpdate({ deploy }: ServiceConfig, kind: 'update_config' | 'rollback_config', tell: (key: string, problem: string) => void): void {
  const { max_failure_ratio: ratio = 0, ...times } = deploy?.[kind] ?? {};
  for (const key of ['delay', 'monitor'] as const) if ((parseDuration(times[key] ?? '0s') ?? 0) < 0) tell(key, got('a duration of 0s or more', times[key] ?? ''));
  if (ratio < 0 || ratio > 1) tell('max_failure_ratio', `expected a share from 0 to 1, got ${String(ratio)}`);
}

function checkService(service: ServiceConfig, tell: Tell): void {
  const { image = '', container_name: containerName = '', hostname = '', working_dir: workingDir = '', restart = '', stop_signal: stopSignal = '' } = service;
  if (image !== '' && !isReference(image)) tell(['image'], got('an image such as nginx:1.27 ([HOST/]NAME[:TAG][@sha256:DIGEST], the name in lower case)', image));
  if (containerName !== '' && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(containerName)) tell(['container_name'], `${got('a name of at least two letters, digits, "_", "." and "-" that starts with a letter or digit', containerName)}${/^[a-zA-Z0-9].+$/.test(containerName) ? `; write ${containerName.replace(/[^a-zA-Z0-9_.-]/g, '_')}` : ''}`);
  if (!/^[a-zA-Z0-9._-]{0,63}$/.test(hostname)) tell(['hostname'], got('a host name of at most 63 letters, digits, "-", "_" and "."', hostname));
  if (workingDir !== '' && !workingDir.startsWith('/')) tell(['working_dir'], `${got('an absolute path', workingDir)}; write ${JSON.stringify(`/${workingDir.replace(/^(\.\/)+/, '')}`)}`);
  if (!/^(no|always|unless-stopped|on-failure(:\d+)?|)$/.test(restart)) tell(['restart'], `${got('"no", "always", "unless-stopped" or "on-failure[:N]"', restart)}${restart === 'never' ? '; did you mean "no"?' : suggest(restart, ['no', 'always', 'unless-stopped', 'on-failure'])}`);
  tell(['stop_signal'], signalProblem(stopSignal));
  const condition = service.deploy?.restart_policy?.condition ?? '';
  if (!['', 'none', 'no', 'on-failure', 'any', 'always', 'unless-stopped'].includes(condition)) tell(['deploy', 'restart_policy', 'condition'], got('"none", "on-failure" or "any"', condition));
  for (const kind of ['update_config', 'rollback_config'] as const) checkUpdate(service, kind, (key, problem) => { tell(['deploy', kind, key], problem); });
  for (const key of ['cap_add', 'cap_drop'] as const) service[key]?.forEach((name, index) => { tell([key, index], capabilityProblem(name)); });
  if ((service.cpus ?? 0) < 0) tell(['cpus'], `expected a number of cores, 0 or more, got ${String(service.cpus)}`);
  for (const key of ['limits', 'reservations'] as const) {
    const cpus = service.deploy?.resources?.[key]?.cpus ?? 0;
    if (cpus < 0) tell(['deploy', 'resources', key, 'cpus'], `expected a number of cores, 0 or more, got ${String(cpus)}`);
  }
  for (const key of ['interval', 'timeout', 'start_period', 'start_interval'] as const) {
    const value = service.healthcheck?.[key] ?? '';
    if (value.startsWith('-')) tell(['healthcheck', key], got('a duration of 0 or more', value));
  }
  if (service.stop_grace_period?.startsWith('-') === true) tell(['stop_grace_period'], got('a duration of 0 or more', service.stop_grace_period));
  service.tmpfs?.forEach((spec, index) => { tell(['tmpfs', index], tmpfsProblem(spec)); });
  service.volumes?.forEach(({ type, target = '' }, index) => { if (!target.startsWith('/') && type !== 'npipe') tell(['volumes', index], `expected an absolute path in the container as target, got ${JSON.stringify(target)}${/^\p{L}:/u.test(target) ? ' (a volume with a name of one letter is taken for a drive of Windows; call it otherwise)' : /\s\//.test(target) ? '; a colon stands between source and target' : `; write ${JSON.stringify(`/${target}`)}`}`); });
  for (const key of ['configs', 'secrets'] as const) {
    service[key]?.forEach((grant, index) => {
      for (const id of ['uid', 'gid'] as const) if (grant[id] !== undefined && !/^\d{1,10}$/.test(grant[id])) tell([key, index, id], got('a number, as the container knows users by', grant[id]));
    });
  }
}

function checkAddresses(service: ServiceConfig, tell: Tell): void {
  service.dns?.forEach((address, index) => { if (isIP(address) === 0) tell(['dns', index], got('an IP address', address)); });
  if ((service.mac_address ?? '') !== '' && !isHardwareAddress(service.mac_address ?? '')) tell(['mac_address'], got('a hardware address such as 02:42:ac:11:00:02', service.mac_address));
  service.ports?.forEach((port, index) => {
    if (port.target < 1 || port.target > 65535) tell(['ports', index], `expected a container port from 1 to 65535, got ${String(port.target)}`);
    if (port.published !== undefined && !/^(\d{1,5}(-\d{1,5})?)?$/.test(port.published)) tell(['ports', index, 'published'], got('a host port from 1 to 65535, or a range', port.published));
    if (!['tcp', 'udp', 'sctp'].includes(port.protocol ?? 'tcp')) tell(['ports', index, 'protocol'], got('the protocol tcp, udp or sctp', port.protocol));
    port['x-bayplan']?.allow?.forEach((range, at) => { if (!isSubnet(range) && isIP(range) === 0) tell(['ports', index, 'x-bayplan', 'allow', at], got('an address or a subnet such as 10.9.0.0/24', range)); });
  });
  service['x-bayplan']?.allow?.forEach((range, at) => { if (!isSubnet(range) && isIP(range) === 0) tell(['x-bayplan', 'allow', at], got('an address or a subnet such as 10.9.0.0/24', range)); });
  tell(['x-bayplan', 'on_change', 'signal'], signalProblem(service['x-bayplan']?.on_change?.signal ?? ''));
  for (const kind of ['configs', 'secrets'] as const) service[kind]?.forEach((grant, index) => { tell([kind, index, 'x-bayplan', 'on_change', 'signal'], signalProblem(grant['x-bayplan']?.on_change?.signal ?? '')); });
  for (const [key, attachment] of Object.entries(service.networks ?? {})) {
    const at = (field: string): readonly string[] => ['networks', key, field];
    const { ipv4_address: four = '', ipv6_address: six = '', mac_address: mac = '', interface_name: link = '' } = attachment ?? {};
    if (four !== '' && !isIPv4(four)) tell(at('ipv4_address'), got('an IPv4 address', four));
    if (six !== '' && !isIPv6(six)) tell(at('ipv6_address'), got('an IPv6 address', six));
    if (mac !== '' && !isHardwareAddress(mac)) tell(at('mac_address'), got('a hardware address such as 02:42:ac:11:00:02', mac));
    // Linux takes at most 15 bytes.
    if (!/^([^\s/:]{1,15}|)$/.test(link) || link === 'lo') tell(at('interface_name'), got('the name of a link, at most 15 characters', link));
    attachment?.link_local_ips?.forEach((address, index) => { if (isIP(address) === 0 || !/^(169\.254\.|fe[89ab])/i.test(address)) tell([...at('link_local_ips'), index], got('a link-local address such as 169.254.7.7 or fe80::7', address)); });
  }
}

function got(expected: string, value: string | undefined): string {
  const text = value ?? '';
  return `expected ${expected}, got ${JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text)}`;
}

/** What is wrong with a tmpfs, `PATH[:OPTIONS]`. */
function tmpfsProblem(spec: string): string | null {
  const [path = '', ...rest] = spec.split(':');
  if (!path.startsWith('/')) return got('an absolute path, perhaps with :OPTIONS', spec);
  for (const option of rest.join(':').split(',')) {
    const [name, value = ''] = option.split('=', 2);
    if (name === 'size' && (parseByteSize(value) ?? -1) < 0 && !/^\d+%$/.test(value)) return `expected a size such as 64m, got ${JSON.stringify(value)}`;
    if (name === 'mode' && !/^[0-7]{1,4}$/.test(value)) return `expected an octal mode such as 1777, got ${JSON.stringify(value)}`;
    const problem = name === 'size' ? null : tmpfsOptionProblem(option);
    if (problem !== null) return problem;
  }
  return null;
}

function isSubnet(value: string): boolean {
  const [base = '', bits = '', ...more] = value.split('/');
  return more.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(base) ? 32 : 128) && isIP(base) !== 0;
}
