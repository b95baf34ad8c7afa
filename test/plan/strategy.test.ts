import { expect, test } from 'vitest';
import { plan } from '../../src/plan/plan.ts';
import type { ContainerSpec } from '../../src/state/container.ts';
import type { Service } from '../../src/state/service.ts';
import type { Desired, State } from '../../src/state/state.ts';
import { USUAL_UPDATE } from '../../src/state/update-policy.ts';
import { attachment, containerSpec, publishedPort } from '../spec-values.ts';
import { simulate } from './simulate.ts';
import { bare, desired, service, withStatus } from './states.ts';

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

const checked: Partial<ContainerSpec> = { healthcheck: { test: ['CMD', 'true'], intervalMs: 1000, timeoutMs: 1000, startPeriodMs: 0, startIntervalMs: 1000, retries: 3 } };
const volume = (readOnly: boolean): ContainerSpec['mounts'] => [{ type: 'volume', source: 'shop_data', target: '/data', readOnly, nocopy: false, subpath: '' }];

/** How two containers of a service are replaced that were made with `before`, where `after` is wanted. */
function strategyFrom(before: Partial<ContainerSpec>, after: Partial<ContainerSpec>, change: (state: State) => State = (state) => state): string | undefined {
  const state = (version: string, spec: Partial<ContainerSpec>): Desired => desired({ web: service({ ...checked, environment: { VERSION: version }, ...spec }, {}, 2) });
  const there = change(plan(state('1', before), bare(), 1).steps.reduce(simulate, bare()));
  return plan(state('2', after), there, 10).notes.find((line) => line.startsWith('service web'))?.replace('service web: ', '');
}

test.each<[spec: Partial<ContainerSpec>, strategy: string]>([
  [{}, 'start-first: it has a health check, and nothing that two cannot have at once'],
  [{ mounts: volume(true) }, 'start-first: it has a health check, and nothing that two cannot have at once'],
  [{ mounts: volume(false) }, 'stop-first: volume shop_data at /data is writable'],
  [{ mounts: [{ type: 'bind', source: '/srv', target: '/srv', readOnly: false, createHostPath: true, propagation: '', recursive: 'enabled' }] }, 'stop-first: bind /srv at /srv is writable'],
  [{ volumesFrom: [{ container: 'lender', readOnly: false }] }, 'stop-first: it may write to the volumes of lender'],
  [{ volumesFrom: [{ container: 'lender', readOnly: true }] }, 'start-first: it has a health check, and nothing that two cannot have at once'],
  [{ devices: [{ source: '/dev/fuse', target: '/dev/fuse', permissions: 'rwm' }] }, 'stop-first: it has the device /dev/fuse'],
  [{ deviceRequests: [{ driver: 'cdi', count: 0, ids: ['example.com/card=0'], capabilities: [], options: {} }] }, 'stop-first: it has the device example.com/card=0'],
  [{ deviceRequests: [{ driver: '', count: 1, ids: [], capabilities: [['gpu']], options: {} }] }, 'stop-first: it has devices of its own'],
  [{ networkMode: 'host', networks: {} }, 'stop-first: it has the host\'s network, where two would want the same ports'],
  [{ networks: { shop_default: attachment({ ipv4Address: '10.9.0.7' }) } }, 'stop-first: it has the fixed address 10.9.0.7 on network shop_default'],
  [{ networks: { shop_default: attachment({ ipv6Address: 'fd00::7' }) } }, 'stop-first: it has the fixed address fd00::7 on network shop_default'],
  [{ networks: { shop_default: attachment({ macAddress: '02:00:00:00:00:07' }) } }, 'stop-first: it has the fixed address 02:00:00:00:00:07 on network shop_default'],
  [{ ports: [publishedPort()] }, 'stop-first: its published port is picked for each container'],
  [{ ports: [publishedPort({ published: 8000, publishedLast: 8009 })] }, 'stop-first: its published port is picked for each container'],
  [{ healthcheck: null }, 'stop-first: it has no health check'],
  [{ healthcheck: { test: ['NONE'], intervalMs: 1000, timeoutMs: 1000, startPeriodMs: 0, startIntervalMs: 1000, retries: 3 } }, 'stop-first: it has no health check'],
])('two containers of %j are replaced %s', (spec, strategy) => {
  expect(strategyFrom(spec, spec)).toBe(`${spec.healthcheck === undefined ? 'rolling' : 'recreate'}, ${strategy}`);
});

test('what the old one may still write to counts too, and so do volumes that its image made', () => {
  expect(strategyFrom({ mounts: volume(false) }, {})).toBe('rolling, stop-first: volume shop_data at /data is writable');
  const anonymous = (state: State): State => ['shop-web-1', 'shop-web-2'].reduce((all, name) => withStatus(all, name, { anonymousVolumes: { '/var/lib/data': 'a'.repeat(64) } }), state);
  expect(strategyFrom({}, {}, anonymous)).toBe('rolling, stop-first: the volume at /var/lib/data is writable');
});
