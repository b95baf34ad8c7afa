import { expect, test } from 'vitest';
import { endpointsOf, isLoopback, registryEndpoint } from '../../../../src/runtime/image/registry/endpoints.ts';
import { Registries } from '../../../../src/runtime/image/registry/settings.ts';

const settings = Registries.parse({
  'docker.io': { mirrors: ['http://mirror.example:5000/', 'https://other.example/hub'] }, 'plain.example': { plainHttp: true }, 'localhost:5443': { ca: '/ca.pem' }, 'closed.example': { mirrors: ['https://m'], mirrorsOnly: true }, 'none.example': { mirrorsOnly: true },
});

test('mirrors come first, then the registry itself', () => {
  expect(endpointsOf('docker.io', settings)).toEqual([
    { host: 'mirror.example:5000', base: 'http://mirror.example:5000', mirror: true }, { host: 'other.example', base: 'https://other.example/hub', mirror: true },
    { host: 'docker.io', base: 'https://registry-1.docker.io', mirror: false },
  ]);
  expect(endpointsOf('closed.example', settings).map(({ host }) => host)).toEqual(['m']);
  expect(() => endpointsOf('none.example', settings)).toThrow('registry none.example has "mirrorsOnly" and no mirrors');
});

test.each([
  ['ghcr.io', 'https://ghcr.io'], ['plain.example', 'http://plain.example'], ['localhost:5000', 'http://localhost:5000'], ['127.0.0.2', 'http://127.0.0.2'], ['[::1]:5000', 'http://[::1]:5000'],
  ['localhost:5443', 'https://localhost:5443'], ['localhost.example', 'https://localhost.example'], ['10.0.0.1:5000', 'https://10.0.0.1:5000'],
])('%s is asked at %s', (domain, base) => {
  expect(registryEndpoint(domain, settings).base).toBe(base);
});

test('loopback is an address of this machine alone', () => {
  expect(['localhost', 'a.localhost', '127.9.9.9', '[::1]'].map(isLoopback)).toEqual([true, true, true, true]);
  expect(['127.0.0.1.example', 'mylocalhost', '[::2]', '128.0.0.1'].map(isLoopback)).toEqual([false, false, false, false]);
});
