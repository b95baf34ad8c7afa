import { BayplanError } from '../state/bayplan-error.ts';
import { addressOf, addressText, type Cidr, contains, overlaps, parseCidr } from '../state/cidr.ts';
import { networkOptions, VLAN_EXPECTED, vlanOf } from '../state/network-options.ts';
import type { Mistakes } from './mistake.ts';
import { networkSpec } from './network-spec.ts';
import { replicasOf } from './replicas.ts';
import type { NetworkConfig, StackConfig } from './schema.ts';
import type { ServiceConfig } from './service-schema.ts';
import type { Place } from './source-text.ts';
import { placeOf, type Tree } from './tree.ts';
import { suggest } from './nearest.ts';

type Networks = Readonly<Record<string, NetworkConfig | null>>;
interface Known { readonly network: string; readonly cidr: Cidr; readonly text: string; readonly gateway: bigint }

/** That networks and the addresses on them fit together: what the engine would find only once half a stack is made. */
export function checkNetworks(stack: StackConfig, services: Readonly<Record<string, ServiceConfig>>, tree: Tree, mistakes: Mistakes): void {
  const networks = stack.networks ?? {};
  const known = checkSubnets(networks, tree, mistakes);
  for (const [key, network] of Object.entries(networks)) if (network !== null) checkOptions(key, network, tree, mistakes);
  const holders = new Map<string, string>();
  for (const [name, service] of Object.entries(services)) {
    checkMode(name, service, tree, mistakes);
    checkLinkNames(name, service, tree, mistakes);
    for (const [key, attachment] of Object.entries(service.networks ?? {})) {
      for (const field of ['ipv4_address', 'ipv6_address'] as const) {
        const text = attachment?.[field];
        if (text === undefined || text === '') continue;
        const add = (message: string): void => { mistakes.add(placeOf(tree, ['services', name, 'networks', key, field]), `services.${name}.networks.${key}.${field}: ${message}`); };
        checkAddress({ key, field, text, network: networks[key] ?? null, known, replicas: replicasOf(service) }, add);
        const place = `${key} ${canonical(text)}`;
        const holder = holders.get(place);
        if (holder !== undefined) add(`${text} is service "${holder}"'s already; choose another`);
        holders.set(place, name);
      }
    }
  }
}

function checkSubnets(networks: Networks, tree: Tree, mistakes: Mistakes): readonly Known[] {
  const known: Known[] = [];
  for (const [network, config] of Object.entries(networks)) {
    config?.ipam?.config?.forEach(({ subnet = '', gateway = '', ip_range: range = '' }, index) => {
      const at = (field: string): Place => placeOf(tree, ['networks', network, 'ipam', 'config', index, field]);
      const where = `networks.${network}.ipam.config[${String(index)}]`;
      const cidr = parseCidr(subnet);
      if (cidr === null) return;
      const other = known.find((one) => overlaps(one.cidr, cidr));
      if (other !== undefined) mistakes.add(at('subnet'), `${where}.subnet: ${subnet} overlaps with ${other.text} of network "${other.network}"; choose another`);
      if (cidr.family === 6 && config.enable_ipv6 !== true) mistakes.add(at('subnet'), `${where}.subnet: ${subnet} is IPv6; add "enable_ipv6: true" to the network`);
      const router = addressOf(gateway);
      if (router !== null && !contains(cidr, router)) mistakes.add(at('gateway'), `${where}.gateway: ${gateway} is not in ${subnet}`);
      const part = parseCidr(range);
      if (part !== null && (part.family !== cidr.family || part.first < cidr.first || part.last > cidr.last)) mistakes.add(at('ip_range'), `${where}.ip_range: ${range} is not inside ${subnet}`);
      known.push({ network, cidr, text: subnet, gateway: router?.bits ?? cidr.first + 1n }); // the first address, where none is named
    });
  }
  return known;
}

function checkOptions(key: string, network: NetworkConfig, tree: Tree, mistakes: Mistakes): void {
  try {
    const { parent } = networkOptions(key, networkSpec(network));
    if (vlanOf(parent)?.id === null) mistakes.add(placeOf(tree, ['networks', key, 'driver_opts', 'parent']), `network ${key}: option parent: expected ${VLAN_EXPECTED}, got ${JSON.stringify(parent)}`);
  } catch (error) {
    if (!(error instanceof BayplanError)) throw error;
    mistakes.add(placeOf(tree, ['networks', key, 'driver_opts']), error.message);
  }
}

interface FixedAddress {
  readonly key: string;
  readonly field: 'ipv4_address' | 'ipv6_address';
  readonly text: string;
  readonly network: NetworkConfig | null;
  readonly known: readonly Known[];
  readonly replicas: number;
}

function checkAddress({ key, field, text, network, known, replicas }: FixedAddress, add: (message: string) => void): void {
  const address = addressOf(text);
  if (address === null || network?.external === true) return;
  if (replicas > 1) add(`one address cannot be that of ${String(replicas)} replicas; leave it out`);
  if (field === 'ipv6_address' && network?.enable_ipv6 !== true) return add(`network "${key}" has no IPv6; add "enable_ipv6: true" to it`);
  const subnets = known.filter((one) => one.network === key && one.cidr.family === address.family);
  if (subnets.length === 0) add(`network "${key}" has no subnet that it could be from; give it one (ipam: config: subnet)`);
  else if (!subnets.some(({ cidr }) => contains(cidr, address))) add(`${text} is not in ${subnets.map((one) => one.text).join(' or ')} of network "${key}"`);
  else if (subnets.some(({ gateway }) => gateway === address.bits)) add(`${text} is that of the gateway of network "${key}"; choose another, or name another gateway (ipam: config: gateway)`);
}

function checkMode(name: string, service: ServiceConfig, tree: Tree, mistakes: Mistakes): void {
  const mode = service.network_mode ?? 'bridge';
  const at = placeOf(tree, ['services', name, 'network_mode']);
  if (!/^(bridge|host|none|service:.+|container:.+|ns:\/.+)$/.test(mode)) mistakes.add(at, `services.${name}.network_mode: expected bridge, host, none, service:NAME, container:NAME or ns:PATH, got ${JSON.stringify(mode)}${suggest(mode, ['bridge', 'host', 'none']) || '; a network of the file is named in networks:'}`);
  if (/^(service|container):/.test(mode) && (service.ports ?? []).length > 0) {
    mistakes.add(placeOf(tree, ['services', name, 'ports']), `services.${name}.ports: the network is that of ${mode}; publish them there`);
  }
}

function checkLinkNames(name: string, service: ServiceConfig, tree: Tree, mistakes: Mistakes): void {
  const taken = new Map<string, string>();
  for (const [key, attachment] of Object.entries(service.networks ?? {})) {
    const link = attachment?.interface_name ?? '';
    const other = taken.get(link);
    if (link !== '' && other !== undefined) mistakes.add(placeOf(tree, ['services', name, 'networks', key, 'interface_name']), `services.${name}.networks.${key}.interface_name: "${link}" is that of network "${other}" already`);
    if (link !== '') taken.set(link, key);
  }
}

function canonical(text: string): string {
  const address = addressOf(text);
  return address === null ? text : addressText(address);
}
