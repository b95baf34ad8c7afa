import { describe, expect, it } from 'vitest';
import { foundDrift, planDrift } from '../../src/plan/drift.ts';
import { plan } from '../../src/plan/plan.ts';
import type { ContainerSpec, ContainerStatus } from '../../src/state/container.ts';
import { type Care, type Drift, USUAL_CARE } from '../../src/state/drift.ts';
import type { Desired, State } from '../../src/state/state.ts';
import { simulate } from './simulate.ts';
import { bare, desired, service, withStatus } from './states.ts';

const WEB = 'shop-web-1';
const limit: Drift = { kind: 'limit', field: 'pids.max', expected: '50', found: '5' };
const link: Drift = { kind: 'network', field: 'networks[shop_default].link', expected: 'a link with 10.0.0.2', found: 'none' };
const bridge: Drift = { kind: 'network', field: 'bridge', expected: 'bp-1', found: 'no such link' };
const rules: Drift = { kind: 'rules', field: 'rules', expected: 'the engine\'s table', found: 'no such table', by: 'by nft, pid 7' };
const mount: Drift = { kind: 'mount', field: 'mounts[/data]', expected: 'volume shop_data', found: 'not mounted' };
const gone: Drift = { kind: 'process', field: 'process', expected: 'running', found: 'gone without an exit' };
const data: Drift = { kind: 'data', field: 'data', expected: '/data', found: 'no such folder' };

function world(change: Partial<ContainerStatus>, care: Partial<Care> = {}, spec: Partial<ContainerSpec> = {}, more: Partial<Desired> = {}): { wanted: Desired; actual: State } {
  const wanted = desired({ web: { ...service({ stopGracePeriodMs: 10_000, ...spec }), care: { ...USUAL_CARE, ...care } } }, more);
  const state = plan(wanted, bare(), 1).steps.reduce(simulate, bare());
  return { wanted, actual: withStatus(state, WEB, { phase: 'running', startedAt: 1, ...change }) };
}

function withNetworkDrift(actual: State, drift: Drift[]): State {
  const network = actual.networks['shop_default'];
  if (network === undefined || network.status === null) throw new Error('no network');
  return { ...actual, networks: { shop_default: { ...network, status: { ...network.status, drift } } } };
}

const healed = ({ wanted, actual }: { wanted: Desired; actual: State }): string => planDrift(wanted, actual, ({ fate }) => fate === 'heal').steps.map(({ id }) => id).join('\n');

describe('what is done about drift', () => {
  it.each<[string, Partial<ContainerStatus>, string]>([
    ['a limit', { drift: [limit] }, `repair-container ${WEB}`],
    ['a link', { drift: [link, limit] }, `repair-container ${WEB}`],
    ['a mount', { drift: [mount] }, `stop-container ${WEB}\nstart-container ${WEB}`],
    ['a lost process', { phase: 'lost', drift: [gone] }, `start-container ${WEB}`],
    ['one that its policy starts again', { phase: 'lost', restartAt: 5, drift: [gone] }, ''],
    ['data', { drift: [data] }, ''],
    ['one that a heal has stopped and not started again', { phase: 'exited', drift: [gone] }, `start-container ${WEB}`],
    ['a mount, while it is paused', { paused: true, drift: [mount, limit] }, `repair-container ${WEB}`],
    ['an end of its own', { phase: 'exited', exitCode: 1 }, ''],
    ['one that a person has stopped', { phase: 'exited', held: true }, ''],
    ['one that was lost before the engine came', { phase: 'lost' }, ''],
    ['one that a person has stopped, and that was lost', { phase: 'lost', held: true, drift: [gone] }, ''],
    ['nothing', {}, ''],
  ])('of a container: %s', (_name, change, steps) => {
    expect(healed(world(change))).toBe(steps);
  });

  it('makes no volume anew, nor its record: its data is told of alone', () => {
    const { wanted, actual } = world({}, {}, { mounts: [{ type: 'volume', source: 'shop_data', target: '/data', readOnly: false, nocopy: false, subpath: '' }] });
    const volume = actual.volumes['shop_data'];
    if (volume === undefined || volume.status === null) throw new Error('no volume');
    const record: Drift = { kind: 'record', field: 'record', expected: 'a record', found: 'none' };
    const drifted = { ...actual, volumes: { shop_data: { ...volume, status: { ...volume.status, drift: [record, data] } } } };
    expect(foundDrift(wanted, drifted)).toEqual([{ object: 'volume', name: 'shop_data', drift: [record, data], fate: 'report' }]);
    expect(healed({ wanted, actual: drifted })).toBe('');
  });

  it.each(['its name', 'its ID'])('restarts none whose namespaces others share by %s, and says so', (by) => {
    const { wanted, actual } = world({ drift: [mount, limit] });
    const container = actual.containers[WEB]!;
    const guest = { ...container, spec: { ...container.spec, namespaces: { ...container.spec.namespaces, pid: `container:${by === 'its name' ? WEB : container.status!.id}` } }, status: { ...container.status!, drift: [] } };
    const shared = { ...actual, containers: { ...actual.containers, guest } };
    expect(healed({ wanted, actual: shared })).toBe(`repair-container ${WEB}`);
    expect(foundDrift(wanted, shared).filter(({ name }) => name === WEB).map(({ fate, drift }) => [fate, drift.map(({ kind }) => kind)])).toEqual([['heal', ['limit']], ['report', ['mount']]]);
  });

  it('says why, with what was expected and found, and who did it', () => {
    const { wanted, actual } = world({ drift: [limit] });
    const steps = planDrift(wanted, withNetworkDrift(actual, [bridge, rules]), () => true).steps;
    expect(steps.map(({ id, needs, why }) => [id, needs, why])).toEqual([
      ['repair-network shop_default', [], 'drift: bridge: expected bp-1, found no such link'],
      [`repair-container ${WEB}`, ['repair-network shop_default'], 'drift: pids.max: expected 50, found 5'],
      ['repair-rules', ['repair-network shop_default'], 'drift: rules: expected the engine\'s table, found no such table (by nft, pid 7)'],
    ]);
  });

  it('only tells of it where the file says so, for all or for one service', () => {
    const told = world({ drift: [limit] }, { drift: 'report' });
    expect([healed(told), foundDrift(told.wanted, told.actual).map(({ name, fate }) => [name, fate])]).toEqual(['', [[WEB, 'report']]]);
    const all = world({}, {}, {}, { drift: 'report' });
    expect(foundDrift(all.wanted, withNetworkDrift(all.actual, [bridge])).map(({ name, fate }) => [name, fate])).toEqual([['shop_default', 'report']]);
  });

  it('restarts an unhealthy container where the file asks for it, and nowhere else', () => {
    expect(healed(world({ health: 'unhealthy' }))).toBe('');
    expect(healed(world({ health: 'unhealthy' }, { unhealthy: 'restart' }))).toContain(`start-container ${WEB}`);
    expect(healed(world({ health: 'unhealthy', paused: true }, { unhealthy: 'restart' }))).toBe('');
  });

  it('shows what is held', () => {
    const { wanted, actual } = world({ phase: 'exited', held: true });
    expect(foundDrift(wanted, actual)).toEqual([{ object: 'container', name: WEB, drift: [], fate: 'held' }]);
    const three = desired({ web: { ...service({}, {}, 3), vacant: [2] } });
    expect(foundDrift(three, bare())).toEqual([{ object: 'container', name: 'shop-web-2', drift: [], fate: 'held', removed: true }]);
    expect(plan(three, bare(), 1).steps.flatMap(({ id, action }) => (action === 'create-container' ? [id] : []))).toEqual(['create-container shop-web-1', 'create-container shop-web-3']);
  });

  it('is part of what up does, whatever the file says, but for what is made anew', () => {
    const { wanted, actual } = world({ drift: [limit, mount] }, { drift: 'report' });
    expect(plan(wanted, actual, 1).steps.map(({ id }) => id)).toEqual([`stop-container ${WEB}`, `start-container ${WEB}`]);
    const changed = desired({ web: service({ command: ['other'], stopGracePeriodMs: 10_000 }) });
    expect(plan(changed, actual, 1).steps.map(({ id }) => id).filter((id) => id.startsWith('repair'))).toEqual([]);
  });
});
