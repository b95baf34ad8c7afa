import { expect, test } from 'vitest';
import { exposedPorts } from '../../src/state/exposed-ports.ts';

test.each<[string, readonly string[] | null]>([
  ['80', ['80/tcp']], ['53/udp', ['53/udp']], ['80/TCP', ['80/tcp']], ['5-7/Sctp', ['5/sctp', '6/sctp', '7/sctp']], ['65535', ['65535/tcp']],
  ['0', null], ['70000', null], ['80-70', null], ['65535-65536', null], ['80/xyz', null], ['80/', null], ['-80', null], ['', null], ['a', null],
])('%j is %j', (key, ports) => {
  expect(exposedPorts(key)).toEqual(ports);
});
