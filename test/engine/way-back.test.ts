import { expect, test } from 'vitest';
import { pinned, withServicesOf } from '../../src/engine/way-back.ts';
import { desired, IMAGE, service } from '../plan/states.ts';

const before = { desired: desired({ web: service({ user: '1' }), db: service() }), images: { [IMAGE]: 'sha256:then' } };

test('a way back leads to the images of then', () => {
  expect(pinned(before).services['web']?.template).toMatchObject({ image: IMAGE, imageId: 'sha256:then' });
  expect(pinned({ ...before, images: {} }).services['web']?.template.imageId).toBe('');
});

test('one service goes back with what it needs, the others stay as they are', () => {
  const now = desired({ web: service({ user: '2' }), db: service({ user: '3' }), more: service() });
  const back = withServicesOf(now, before, ['web', 'gone']);
  expect(Object.entries(back.services).map(([name, { template }]) => `${name} ${template.user} ${template.imageId}`)).toEqual(['web 1 sha256:then', 'db 3 ', 'more  ']);
});
