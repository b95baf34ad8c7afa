import { expect, test } from 'vitest';
import { attachmentOf } from '../../src/api/docker-endpoint.ts';

test.each([
  [{ IPAMConfig: { IPv4Address: 'foo' } }, 'network n: invalid IPv4 address: foo'], [{ IPAMConfig: { IPv4Address: 'fd00::1' } }, 'invalid IPv4 address: fd00::1'],
  [{ IPAMConfig: { IPv6Address: '10.0.0.1' } }, 'invalid IPv6 address: 10.0.0.1'], [{ IPAMConfig: { LinkLocalIPs: ['169.254.1.1', 'zz'] } }, 'invalid link-local IP address: zz'],
  [{ MacAddress: '02:42' }, '"02:42" is no hardware address'],
])('%j is refused: %s', (config, message) => {
  expect(() => attachmentOf('n', config)).toThrowError(expect.objectContaining({ code: 'bad-request', message: expect.stringContaining(message) }));
});

test('addresses of an endpoint are its attachment\'s; empty ones are none', () => {
  expect(attachmentOf('n', { Aliases: ['web'], IPAMConfig: { IPv4Address: '10.0.0.7', IPv6Address: '', LinkLocalIPs: ['169.254.1.1'] }, GwPriority: 3 }))
    .toMatchObject({ aliases: ['web'], ipv4Address: '10.0.0.7', ipv6Address: null, linkLocalIps: ['169.254.1.1'], gatewayPriority: 3 });
});
