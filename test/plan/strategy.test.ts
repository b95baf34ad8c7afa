import { expect, test } from 'vitest';
import { plan } from '../../src/plan/plan.ts';
import type { ContainerSpec } from '../../src/state/container.ts';
import type { Service } from '../../src/state/service.ts';
import type { Desired } from '../../src/state/state.ts';
import { USUAL_UPDATE } from '../../src/state/update-policy.ts';
import { containerSpec } from '../spec-values.ts';
import { simulate } from './simulate.ts';
import { bare, desired, service } from './states.ts';

const CONTAINER = 'container:shop-db-1';

function noteOf(name: string, change: Partial<ContainerSpec>): string | undefined {
  const startFirst = (one: Service): Service => ({ ...one, update: { ...USUAL_UPDATE, order: 'start-first' } });
  const state = (version: string): Desired => desired({ db: startFirst(service({ environment: { VERSION: name === 'db' ? version : '' } })), peek: startFirst(service({ ...change, environment: { VERSION: name === 'peek' ? version : '' } })) });
  const there = plan(state('1'), bare(), 1).steps.reduce(simulate, bare());
  return plan(state('2'), there, 10).notes.find((line) => line.startsWith(`service ${name}`));
}

test.each(['pid', 'ipc', 'uts', 'cgroup', 'time', 'user'] as const)('a service whose %s namespace another container lives in is not replaced while that one runs in the old one', (kind) => {
  const shares = { namespaces: { ...containerSpec().namespaces, [kind]: CONTAINER } };
  expect(noteOf('db', shares)).toBe('service db: recreate, stop-first: the file says start-first, but shop-peek-1 lives in its namespaces');
  expect(noteOf('peek', shares)).toBe('service peek: recreate, stop-first: the file says start-first, but it shares a namespace of shop-db-1');
});

test('the same of its network', () => {
  const shares = { networkMode: CONTAINER, networks: {} };
  expect(noteOf('db', shares)).toBe('service db: recreate, stop-first: the file says start-first, but shop-peek-1 lives in its namespaces');
  expect(noteOf('peek', shares)).toBe('service peek: recreate, stop-first: the file says start-first, but it lives in the network of shop-db-1');
});
