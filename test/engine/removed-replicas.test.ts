import { expect, it } from 'vitest';
import { withoutRemoved } from '../../src/engine/removed-replicas.ts';
import type { Identity } from '../../src/state/container.ts';
import { desired, service } from '../plan/states.ts';

const one = (name: string, slot: number, owner: Identity['owner'] = 'stack'): Identity => ({ owner, stack: 'shop', service: name, slot, generation: 1 });
const shop = desired({ web: service({}, {}, 3), db: service() });

it.each<[string, Identity[], Identity[], [string, number[] | undefined][], string[]]>([
  ['one of several replicas', [one('web', 2)], [one('web', 1), one('web', 3), one('db', 1)], [['web', [2]], ['db', undefined]], []],
  ['two of them', [one('web', 3), one('web', 1)], [one('web', 2), one('db', 1)], [['web', [1, 3]], ['db', undefined]], []],
  ['the last of a service', [one('db', 1)], [one('web', 1)], [['web', undefined]], ['db']],
  ['all of a service at once', [one('web', 1), one('web', 2), one('web', 3)], [one('db', 1)], [['db', undefined]], ['web']],
  ['one whose successor is there', [one('web', 2)], [one('web', 2), one('web', 1)], [['web', undefined], ['db', undefined]], []],
  ['a replica that is not desired any more', [one('web', 4)], [one('web', 1)], [['web', undefined], ['db', undefined]], []],
  ['a one-off', [one('web', 1, 'oneoff')], [one('web', 1), one('db', 1)], [['web', undefined], ['db', undefined]], []],
])('%s', (_name, removed, left, services, inactive) => {
  const after = withoutRemoved(shop, removed, left);
  expect(Object.entries(after.services).map(([name, { vacant }]) => [name, vacant])).toEqual(services);
  expect(after.inactive).toEqual(inactive);
  if (inactive.length === 0 && services.every(([, vacant]) => vacant === undefined)) expect(after).toBe(shop);
});

it('adds to what was removed before', () => {
  const before = withoutRemoved(shop, [one('web', 3)], [one('web', 1), one('web', 2)]);
  expect(withoutRemoved(before, [one('web', 1)], [one('web', 2), one('db', 1)]).services['web']?.vacant).toEqual([1, 3]);
});
