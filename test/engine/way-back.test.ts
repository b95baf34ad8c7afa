import { expect, test } from 'vitest';
import { pinned, withServicesOf } from '../../src/engine/way-back.ts';
import type { Grant } from '../../src/state/container.ts';
import type { Desired } from '../../src/state/state.ts';
import { desired, IMAGE, service } from '../plan/states.ts';

const before = { desired: desired({ web: service({ user: '1' }), db: service() }), images: { [IMAGE]: 'sha256:then' } };

test('a way back leads to the images of then', () => {
  expect(pinned(before).services['web']?.template).toMatchObject({ image: IMAGE, imageId: 'sha256:then' });
  expect(pinned({ ...before, images: {} }).services['web']?.template.imageId).toBe('');
});

test('one service goes back with what it needs, the others stay as they are', () => {
  const now = desired({ web: service({ user: '2' }), db: service({ user: '3' }), more: service() });
  const { desired: back, kept } = withServicesOf(now, before, ['web', 'gone']);
  expect(kept).toEqual([]);
  expect(Object.entries(back.services).map(([name, { template }]) => `${name} ${template.user} ${template.imageId}`)).toEqual(['web 1 sha256:then', 'db 3 ', 'more  ']);
});

test('a config goes back with its service, but for one that others want as it is now, which is said', () => {
  const grant = (name: string): Grant => ({ name, digest: '', target: `/${name}`, uid: 0, gid: 0, mode: 0o444, onChange: null });
  const contents = (digest: string): Desired['contents'] => Object.fromEntries(['own', 'shared'].map((name) => [name, { kind: 'config', external: false, digest }]));
  const services = (user: string): Desired['services'] => ({ web: service({ user, contents: [grant('own'), grant('shared')] }), db: service({ contents: [grant('shared')] }) });
  const former = { desired: desired(services('1'), { contents: contents('old') }), images: {} };
  const now = desired(services('2'), { contents: contents('new') });
  const one = withServicesOf(now, former, ['web']);
  expect(one.kept).toEqual(['shared']);
  expect([one.desired.contents['own']?.digest, one.desired.contents['shared']?.digest]).toEqual(['old', 'new']);
  const both = withServicesOf(now, former, ['web', 'db']);
  expect(both.kept).toEqual([]);
  expect(both.desired.contents['shared']?.digest).toBe('old');
});
