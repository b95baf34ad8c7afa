import { describe, expect, test } from 'vitest';
import { parsePortSpec } from '../../src/stack/port-spec.ts';

function shown(spec: string): string {
  const ports = parsePortSpec(spec);
  if (typeof ports === 'string') return `! ${ports}`;
  return ports.map((port) => `${port.host_ip ?? '*'}|${port.published ?? ''}|${String(port.target)}|${port.protocol ?? ''}`).join(' ');
}

describe('parsePortSpec', () => {
  test.each([
    ['80', '*||80|tcp'], ['8080:80', '*|8080|80|tcp'], ['22:22', '*|22|22|tcp'], ['53:53/udp', '*|53|53|udp'], ['9:9/SCTP', '*|9|9|sctp'],
    ['127.0.0.1:8080:80', '127.0.0.1|8080|80|tcp'], ['127.0.0.1::80', '127.0.0.1||80|tcp'], ['[::1]:8080:80', '::1|8080|80|tcp'],
    ['80-82:8080-8082', '*|80|8080|tcp *|81|8081|tcp *|82|8082|tcp'], ['3000-3001', '*||3000|tcp *||3001|tcp'], ['80-90:8080', '*|80-90|8080|tcp'], ['80-80:8080', '*|80|8080|tcp'],
    ['', '! expected a container port from 1 to 65535, got ""; is a variable not set?'], ['70000', '! expected a container port from 1 to 65535, got "70000"; write [IP:][HOST:]CONTAINER, such as "8080:80"'], ['0:80', '*|0|80|tcp'],
    ['80/xyz', '! expected the protocol tcp, udp or sctp, got "xyz"; leave it out for tcp'], ['127.0.1:8080:80', '! expected an IP address, got "127.0.1"; a name cannot stand here'],
    ['80-81:90-93', '! expected as many host ports as container ports, got 2 and 4; make the ranges of one length'], ['90-80:80', '! expected a host port from 1 to 65535, got "90-80"; write [IP:][HOST:]CONTAINER, such as "8080:80"'],
  ])('%s', (spec, expected) => { expect(shown(spec)).toBe(expected); });
});
