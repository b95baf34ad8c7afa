import { expect, test } from 'vitest';
import { checkShared, chooseUsers } from '../../../src/runtime/container/choose-users.ts';
import { DEFAULT_POOL } from '../../../src/runtime/container/id-ranges.ts';
import { CONTAINER_RECORD_VERSION, ContainerRecord } from '../../../src/runtime/container/record.ts';
import { usersDonor, usersHome } from '../../../src/runtime/container/users-home.ts';
import { OWN_NAMESPACES } from '../../../src/state/confinement.ts';
import type { ContainerSpec } from '../../../src/state/container.ts';
import { specOf } from './container-spec.ts';

const IDENTITY = { owner: 'stack', stack: 's', service: 'a', slot: 1, generation: 1 } as const;
const record = (name: string, spec: Partial<ContainerSpec>, users: unknown = null): ContainerRecord => ContainerRecord.parse({
  version: CONTAINER_RECORD_VERSION, id: Buffer.from(name.padEnd(32, '0')).toString('hex'), name, spec: specOf(spec), createdAt: 1, addresses: {}, anonymousVolumes: {}, error: '', users, identity: IDENTITY,
});
const own = (change: Partial<ContainerSpec['namespaces']>): Pick<ContainerSpec, 'namespaces'> => ({ namespaces: { ...OWN_NAMESPACES, ...change } });
const USERS = { uids: [{ containerId: 0, hostId: 1, size: 2 }], gids: [{ containerId: 0, hostId: 1, size: 2 }] };

test('a container has the users of whoever it shares namespaces with, unless it says otherwise', () => {
  expect(usersDonor(specOf({ networkMode: 'container:a' }))).toBe('a');
  expect(usersDonor(specOf(own({ ipc: 'container:b', user: 'container:c' })))).toBe('c');
  expect(usersDonor(specOf({ networkMode: 'container:a', ...own({ user: 'host' }) }))).toBeNull();
  const a = record('a', own({ pid: 'container:b' }));
  const x = record('x', own({ pid: 'container:y' }));
  const all = [a, x, record('b', { networkMode: 'container:c' }), record('c', {}), record('y', own({ ipc: 'container:x' }))];
  const find = (name: string): ContainerRecord | null => all.find((one) => one.name === name) ?? null;
  expect(usersHome(a, find).name).toBe('c');
  expect(() => usersHome(x, find)).toThrow('container x: its namespaces lead in a circle, by y');
});

test('users are given to those that ask for some, or to all but those that say no', () => {
  const choose = (spec: Partial<ContainerSpec>, always: boolean): number | undefined => chooseUsers('n', IDENTITY, specOf(spec), { pool: DEFAULT_POOL, always }, () => [])?.uids[0]?.size;
  expect([choose({}, false), choose({}, true), choose(own({ user: 'host' }), true), choose(own({ user: 'auto:size=9' }), false), choose({ networkMode: 'container:x' }, true), choose(own({ user: 'ns:/u' }), true)]).toEqual([undefined, 65_536, undefined, 9, undefined, undefined]);
  expect(() => choose({ networkMode: 'host' }, true)).toThrow('container n: network_mode "host" cannot be had by users of its own, which this engine gives every container (userns-remap): give it userns_mode "host"');
});

test('namespaces of others with other users are refused', () => {
  const other = record('o', {}, USERS);
  expect(() => checkShared(record('a', { networkMode: 'container:o' }), null, () => other)).toThrow('container a: it shares a namespace of o, which belongs to users of its own');
  expect(() => checkShared(record('a', { networkMode: 'container:o' }), USERS, () => other)).not.toThrow();
});
