import { describe, expect, test } from 'vitest';
import { desiredOf } from '../../src/stack/index.ts';
import { mistakesOf, projectOf } from './load-text.ts';

const at = (line: number, column: number, message: string): string => `/app/compose.yaml:${String(line)}:${String(column)}: ${message}`;
const stack = (service: string, networks: string): string => `services:\n  web: { image: a, ${service} }\nnetworks:\n${networks}`;

describe('networks that do not fit together', () => {
  test.each<[string, string, readonly string[]]>([
    ['subnets that overlap', stack('networks: [a, b]', '  a: { ipam: { config: [{ subnet: 10.1.0.0/16 }] } }\n  b: { ipam: { config: [{ subnet: 10.1.2.0/24 }] } }\n'),
      [at(5, 27, 'networks.b.ipam.config[0].subnet: 10.1.2.0/24 overlaps with 10.1.0.0/16 of network "a"; choose another')]],
    ['IPv6 that is not on', stack('networks: [a]', '  a: { ipam: { config: [{ subnet: "fd00::/64" }] } }\n'), [at(4, 27, 'networks.a.ipam.config[0].subnet: fd00::/64 is IPv6; add "enable_ipv6: true" to the network')]],
    ['a gateway and a range elsewhere', stack('networks: [a]', '  a: { ipam: { config: [{ subnet: 10.1.0.0/24, gateway: 10.2.0.1, ip_range: 10.1.1.0/25 }] } }\n'),
      [at(4, 48, 'networks.a.ipam.config[0].gateway: 10.2.0.1 is not in 10.1.0.0/24'), at(4, 67, 'networks.a.ipam.config[0].ip_range: 10.1.1.0/25 is not inside 10.1.0.0/24')]],
    ['an option of no sense', stack('networks: [a]', '  a: { driver_opts: { com.docker.network.driver.mtu: 9 } }\n'),
      [at(4, 8, 'network a: option com.docker.network.driver.mtu: expected a number of bytes from 68 to 65535, got "9"')]],
    ['a VLAN that there cannot be', stack('networks: [a, b, c]', '  a: { driver: macvlan, driver_opts: { parent: eth0.4095 } }\n  b: { driver: ipvlan, driver_opts: { parent: "eth0.0" } }\n  c: { driver: macvlan, driver_opts: { parent: eth0.4094 } }\n'),
      [at(4, 40, 'network a: option parent: expected a VLAN from 1 to 4094 behind the point, got "eth0.4095"'), at(5, 39, 'network b: option parent: expected a VLAN from 1 to 4094 behind the point, got "eth0.0"')]],
    ['a parent that is no link\'s name', stack('networks: [a]', '  a: { driver: macvlan, driver_opts: { parent: "../x" } }\n'),
      [at(4, 25, 'network a: option parent: expected a link\'s name of at most 15 characters, without blanks and any of / : " *, got "../x"')]],
    ['an address outside', stack('networks: { a: { ipv4_address: 10.2.0.5 } }', '  a: { ipam: { config: [{ subnet: 10.1.0.0/24 }] } }\n'),
      [at(2, 37, 'services.web.networks.a.ipv4_address: 10.2.0.5 is not in 10.1.0.0/24 of network "a"')]],
    ['the gateway\'s address', stack('networks: { a: { ipv4_address: 10.1.0.1 }, b: { ipv4_address: 10.2.0.1 } }', '  a: { ipam: { config: [{ subnet: 10.1.0.0/24 }] } }\n  b: { ipam: { config: [{ subnet: 10.2.0.0/24, gateway: 10.2.0.9 }] } }\n'),
      [at(2, 37, 'services.web.networks.a.ipv4_address: 10.1.0.1 is that of the gateway of network "a"; choose another, or name another gateway (ipam: config: gateway)')]],
    ['an address of no subnet', stack('networks: { a: { ipv4_address: 10.2.0.5 } }', '  a:\n'),
      [at(2, 37, 'services.web.networks.a.ipv4_address: network "a" has no subnet that it could be from; give it one (ipam: config: subnet)')]],
    ['an IPv6 address without IPv6', stack('networks: { a: { ipv6_address: "fd00::5" } }', '  a:\n'),
      [at(2, 37, 'services.web.networks.a.ipv6_address: network "a" has no IPv6; add "enable_ipv6: true" to it')]],
    ['one address of two replicas', stack('scale: 2, networks: { a: { ipv4_address: 10.1.0.5 } }', '  a: { ipam: { config: [{ subnet: 10.1.0.0/24 }] } }\n'),
      [at(2, 47, 'services.web.networks.a.ipv4_address: one address cannot be that of 2 replicas; leave it out')]],
    ['one link name twice', stack('networks: { a: { interface_name: lan }, b: { interface_name: lan } }', '  a:\n  b:\n'),
      [at(2, 65, 'services.web.networks.b.interface_name: "lan" is that of network "a" already')]],
    ['a wrong mode', 'services:\n  web: { image: a, network_mode: bridged }\n', [at(2, 20, 'services.web.network_mode: expected bridge, host, none, service:NAME, container:NAME or ns:PATH, got "bridged"; did you mean "bridge"?')]],
    ['ports of another one\'s network', 'services:\n  web: { image: a, network_mode: "container:x", ports: ["80:80"] }\n', [at(2, 49, 'services.web.ports: the network is that of container:x; publish them there')]],
    ['a range that is too short', 'services:\n  web: { image: a, scale: 3, ports: ["8000-8002:80"] }\n  b: { image: b, ports: ["8001:80"] }\n',
      [at(2, 38, 'services.web.ports: 3 containers take a host port each, and 8000-8002 has 2 that nobody else publishes; give a longer range')]],
    ['a wrong allow-list', 'services:\n  web: { image: a, x-bayplan: { allow: [10.0.0.0/40] } }\n', [at(2, 41, 'services.web.x-bayplan.allow[0]: expected an address or a subnet such as 10.9.0.0/24, got "10.0.0.0/40"')]],
  ])('%s', (_, text, expected) => {
    expect(mistakesOf(text)).toEqual(expected);
  });

  test('two services with one address', () => {
    const text = 'services:\n  a: { image: a, networks: { n: { ipv4_address: 10.1.0.5 } } }\n  b: { image: a, networks: { n: { ipv4_address: 10.1.0.5 } } }\nnetworks: { n: { ipam: { config: [{ subnet: 10.1.0.0/24 }] } } }\n';
    expect(mistakesOf(text)).toEqual([at(3, 35, 'services.b.networks.n.ipv4_address: 10.1.0.5 is service "a"\'s already; choose another')]);
  });
});

test('what a file says of networks, attachments and ports', () => {
  const desired = desiredOf(projectOf(`services:
  web:
    image: a
    x-bayplan: { allow: [10.0.0.0/8] }
    ports: ["[::1]:8080:80", "8000-8003:81", { target: 82, published: "82", x-bayplan: { allow: ["fd00::/8"] } }, "0.0.0.0:83:83"]
    networks:
      dual: { ipv6_address: "fd00:9::5", link_local_ips: [169.254.7.7], mac_address: "02-42-AC-11-00-02", interface_name: lan, gw_priority: 7 }
      lan: {}
  side: { image: a, network_mode: "service:web" }
networks:
  dual: { enable_ipv6: true, attachable: true, ipam: { config: [{ subnet: 10.9.0.0/24, aux_addresses: { r: 10.9.0.9 } }, { subnet: "fd00:9::/64" }] } }
  lan: { driver: macvlan, driver_opts: { parent: eth0, com.docker.network.bridge.name: x } }
`), { removeOrphans: false });
  const { ports, networks } = desired.services['web']?.template ?? {};
  expect(ports?.map(({ hostIp, published, publishedLast, allow }) => [hostIp, published, publishedLast, allow])).toEqual([
    ['::1', 8080, null, ['10.0.0.0/8']], ['', 8000, 8003, ['10.0.0.0/8']], ['', 82, null, ['fd00::/8']], ['0.0.0.0', 83, null, ['10.0.0.0/8']],
  ]);
  expect(networks?.['app_dual']).toMatchObject({ ipv4Address: null, ipv6Address: 'fd00:9::5', linkLocalIps: ['169.254.7.7'], macAddress: '02:42:ac:11:00:02', interfaceName: 'lan', gatewayPriority: 7 });
  expect(desired.networks['app_dual']?.spec).toMatchObject({ ipv6: true, attachable: true, ipam: [{ subnet: '10.9.0.0/24', auxAddresses: { r: '10.9.0.9' } }, { subnet: 'fd00:9::/64' }] });
  expect(desired.networks['app_lan']?.spec).toMatchObject({ driver: 'macvlan', options: { parent: 'eth0' } });
  expect(desired.services['side']).toMatchObject({ template: { networkMode: 'container:app-web-1', networks: {} }, dependsOn: { web: { restart: true } } });
  expect(desired.notes).toEqual(['network lan: option "com.docker.network.bridge.name" means nothing to driver macvlan and is ignored']);
});

test('what is published on [::1] and is SCTP: told', () => {
  const text = 'services:\n  in: { image: a, ports: ["[::1]:53:80/sctp", "[::1]:54:80", "[::1]:55:80/udp", "127.0.0.1:53:80/sctp", "[::1]::81/sctp"] }\n';
  expect(desiredOf(projectOf(text), { removeOrphans: false }).notes).toEqual(['53:80', '81'].map((port) => `service in: nothing is heard at [::1]:${port}/sctp: to [::1] TCP and UDP alone are carried; publish it on 127.0.0.1, or on all addresses`));
});

test('ports of what is on internal networks alone: told', () => {
  const text = 'services:\n  in: { image: a, ports: ["80:80"], networks: [shut] }\n  both: { image: a, ports: ["81:80"], networks: [shut, open] }\n  none: { image: a, networks: [shut] }\n  host: { image: a, network_mode: "bridge", ports: ["82:80"] }\nnetworks:\n  shut: { internal: true }\n  open:\n';
  expect(desiredOf(projectOf(text), { removeOrphans: false }).notes.filter((note) => note.includes('internal'))).toEqual(['service in: its ports are not published: all its networks are internal, and closed from outside']);
});
