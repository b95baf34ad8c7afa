import type { IpamPool, Network } from '../state/network.ts';
import { rfc3339 } from './docker-time.ts';
import { endpointJson } from './endpoint-json.ts';
import type { EngineView } from './engine-view.ts';

/** One element of `GET /networks`. */
export function networkJson(name: string, { spec, status }: Network): object {
  return {
    Name: name, Id: status?.id ?? '', Created: rfc3339(status?.createdAt ?? 0), Scope: 'local', Driver: spec.driver, EnableIPv4: true, EnableIPv6: spec.ipv6,
    IPAM: { Driver: 'default', Options: null, Config: (status?.pools ?? []).map(poolJson) },
    Internal: spec.internal, Attachable: spec.attachable, Ingress: false, ConfigFrom: { Network: '' }, ConfigOnly: false, Containers: {}, Options: spec.options, Labels: spec.labels,
  };
}

function poolJson({ subnet, gateway, ipRange, auxAddresses }: IpamPool): object {
  return { Subnet: subnet, ...(ipRange === '' ? {} : { IPRange: ipRange }), Gateway: gateway, ...(Object.keys(auxAddresses).length === 0 ? {} : { AuxiliaryAddresses: auxAddresses }) };
}

/** The running containers on a network, by id. */
export function members(engine: EngineView, network: string, of: Network): object {
  const withPrefix = (address: string, bits: number): string => (address === '' ? '' : `${address}/${bits}`);
  return Object.fromEntries([...engine.containers.list()].flatMap(([name, { spec, status }]) => {
    if (status?.phase !== 'running' || status.addresses[network] === undefined) return [];
    const { EndpointID, MacAddress, IPAddress, IPPrefixLen, GlobalIPv6Address, GlobalIPv6PrefixLen } = endpointJson(network, of, spec.networks[network], status);
    return [[status.id, { Name: name, EndpointID, MacAddress, IPv4Address: withPrefix(IPAddress, IPPrefixLen), IPv6Address: withPrefix(GlobalIPv6Address, GlobalIPv6PrefixLen) }]];
  }));
}

/** The running containers that have the host's network, or none, likewise. */
export function inMode(engine: EngineView, mode: string): object {
  return Object.fromEntries([...engine.containers.list()].flatMap(([name, { spec, status }]) =>
    (status?.phase === 'running' && spec.networkMode === mode ? [[status.id, { Name: name, EndpointID: '', MacAddress: '', IPv4Address: '', IPv6Address: '' }]] : [])));
}
