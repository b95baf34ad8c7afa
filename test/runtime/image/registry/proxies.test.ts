import { expect, test } from 'vitest';
import { environmentProxies, proxyOf } from '../../../../src/runtime/image/registry/proxies.ts';

const proxies = { 'http-proxy': 'http://plain:1', 'https-proxy': 'http://me:x@secure:2' };
const by = (address: string, none = ''): string | null => proxyOf(new URL(address), { ...proxies, 'no-proxy': none })?.host ?? null;

test('each kind of address has its proxy; this host itself none', () => {
  expect([by('http://a.example/'), by('https://a.example/'), by('http://127.0.0.1:5000/'), by('https://localhost/'), by('http://[::1]:5000/')]).toEqual(['plain:1', 'secure:2', null, null, null]);
  expect(proxyOf(new URL('https://a.example/'), {})).toBeNull();
});

test.each([
  ['a.example', true], ['example', true], ['.example', true], ['b.example, A.EXAMPLE', true], ['*', true], ['a.example:443', true],
  ['a.example:5000', false], ['.a.example', false], ['xample', false], ['', false], [' , ', false], ['10.0.0.0/8', false],
])('no-proxy "%s" excepts https://a.example: %s', (none, excepted) => {
  expect(by('https://a.example/', none) === null).toBe(excepted);
});

test.each([
  ['http://10.1.2.3/', '10.0.0.0/8'], ['http://10.1.2.3/', '10.1.2.3'], ['http://10.1.2.3:5000/', '10.1.2.3:5000'], ['http://[fd00::7]/', 'fd00::/8'], ['http://[fd00::7]/', 'fd00::7'], ['http://[fd00::7]:5000/', '[fd00::7]:5000'],
])('%s is excepted by "%s"', (address, none) => {
  expect(by(address, none)).toBeNull();
});

test('the environment, in capitals or not; what is no address there says nothing', () => {
  expect(environmentProxies({ HTTP_PROXY: 'http://a:1', https_proxy: 'http://b:2', no_proxy: 'c' })).toEqual({ 'http-proxy': 'http://a:1', 'https-proxy': 'http://b:2', 'no-proxy': 'c' });
  expect(environmentProxies({ HTTP_PROXY: 'proxy', PATH: '/bin' })).toEqual({});
});
