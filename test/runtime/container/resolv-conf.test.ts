import { expect, test } from 'vitest';
import { resolvConfOf } from '../../../src/runtime/container/resolv-conf.ts';
import { specOf } from './container-spec.ts';
import { attachment } from '../../spec-values.ts';

const HOST = '# made by hand\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch old.test\nsearch corp.test lab.test\noptions timeout:1 edns0\n';
const networks = { front: attachment() };

test('a container on networks asks its responder, and looks where the host would', () => {
  expect(resolvConfOf(specOf({ networks }), HOST)).toBe('nameserver 127.0.0.11\nsearch corp.test lab.test\noptions timeout:1 edns0 ndots:0\n');
  expect(resolvConfOf(specOf({ networks }), '')).toBe('nameserver 127.0.0.11\noptions ndots:0\n');
});

test('what the service says goes first; nameservers of its own are for the responder to ask', () => {
  const dns = { servers: ['192.0.2.1'], search: ['a.test', 'b.test'], options: ['ndots:2', 'use-vc'] };
  expect(resolvConfOf(specOf({ networks, dns }), HOST)).toBe('nameserver 127.0.0.11\nsearch a.test b.test\noptions ndots:2 use-vc\n');
  expect(resolvConfOf(specOf({ networks, dns: { ...dns, search: ['.'], options: [] } }), '')).toBe('nameserver 127.0.0.11\noptions ndots:0\n');
});

test('with the network of the host the nameservers are the host\'s, or those asked for', () => {
  expect(resolvConfOf(specOf({ networkMode: 'host' }), HOST)).toBe('nameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch corp.test lab.test\noptions timeout:1 edns0\n');
  expect(resolvConfOf(specOf({ networkMode: 'host', dns: { servers: ['192.0.2.1'], search: null, options: [] } }), '')).toBe('nameserver 192.0.2.1\n');
});

test('without a network there is nobody to ask', () => {
  expect(resolvConfOf(specOf(), HOST)).toBe('');
});
