import { expect, test } from 'vitest';
import { exposedPorts, portMap, summaryPorts } from '../../src/api/container-ports.ts';
import type { ContainerSpec, ContainerStatus } from '../../src/state/container.ts';
import { DEFAULT_NETWORK_SPEC } from '../../src/state/network.ts';
import { network, publishedPort } from '../spec-values.ts';
import { container, IMAGE, SPEC } from './fake-engine.ts';

const PORTS = [publishedPort({ published: 8080 }), publishedPort({ target: 81, published: 8081, hostIp: '127.0.0.1' })];
const web = (spec: Partial<ContainerSpec> = {}, status: Partial<ContainerStatus> = {}, networks = new Map([['shop_default', network({ spec: DEFAULT_NETWORK_SPEC })]])): Parameters<typeof portMap>[0] => {
  const made = { ...container(1, 'web'), spec: { ...SPEC, ports: PORTS, exposed: ['90/udp', '8080/tcp'], ...spec } };
  if (made.status === null) throw new Error('it has a status');
  return { container: made, status: { ...made.status, ports: PORTS, ...status }, image: { ...IMAGE, config: { ...IMAGE.config, exposedPorts: ['80/tcp', '7/tcp'] } }, networks };
};
const BOUND = { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }], '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '8081' }] };

test('what is exposed alone is null in inspect, and without a public port in a list', () => {
  expect(exposedPorts(web().container, web().image)).toEqual(['80/tcp', '7/tcp', '90/udp', '8080/tcp', '81/tcp']);
  expect(portMap(web())).toEqual({ ...BOUND, '7/tcp': null, '90/udp': null, '8080/tcp': null });
  expect(summaryPorts(web())).toEqual([
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' }, { IP: '127.0.0.1', PrivatePort: 81, PublicPort: 8081, Type: 'tcp' },
    { PrivatePort: 7, Type: 'tcp' }, { PrivatePort: 90, Type: 'udp' }, { PrivatePort: 8080, Type: 'tcp' },
  ]);
  expect(portMap(web({}, { ipv6Addresses: { shop_default: 'fd00::2' } }))).toMatchObject({ '80/tcp': [{ HostIp: '0.0.0.0' }, { HostIp: '::' }] });
});

test.each<[string, Parameters<typeof web>]>([
  ['the host\'s network', [{ networkMode: 'host', networks: {} }]], ['none', [{ networkMode: 'none', networks: {} }]], ['another container\'s', [{ networkMode: 'container:other', networks: {} }]],
  ['its own that has ended', [{}, { phase: 'exited' }]], ['an internal one', [{}, { ports: [] }, new Map([['shop_default', network({ spec: { ...DEFAULT_NETWORK_SPEC, internal: true } })]])]],
  ['a macvlan', [{}, { ports: [] }, new Map([['shop_default', network({ spec: { ...DEFAULT_NETWORK_SPEC, driver: 'macvlan' } })]])]],
])('a container with %s shows no ports, as with Docker', (_, args) => {
  expect([portMap(web(...args)), summaryPorts(web(...args))]).toEqual([{}, []]);
});
