import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BayplanError } from '../../src/state/bayplan-error.ts';
import { DEFAULT_NETWORK_SPEC } from '../../src/state/network.ts';
import { emptyState, type Desired } from '../../src/state/state.ts';
import { spec } from '../plan/states.ts';
import { attachment } from '../spec-values.ts';
import { Machine } from './harness.ts';

const machine = new Machine();
beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
});
afterAll(async () => {
  for (const [name, { identity }] of machine.engine.containers.list()) if (identity.owner === 'api') await machine.engine.removeContainer(name, { volumes: true });
  await machine.engine.pruneVolumes(() => true);
  await machine.dispose();
});

const ROUNDS = 12;
const volumeSpec = { driver: 'local' as const, external: false, driverOpts: {}, labels: {} };

/** A container of the API's on no network, with a named volume and an anonymous one. */
function wanted(name: string, volume: string): Desired {
  const mount = { type: 'volume' as const, readOnly: false, nocopy: false, subpath: '' };
  return {
    ...emptyState(''), inactive: [], unstarted: [name], remove: { orphans: false, volumes: false }, stopTimeoutSeconds: null, drift: 'heal', notes: [],
    containers: { [name]: { identity: { owner: 'api', stack: '', service: '', slot: 0, generation: 1 }, status: null, spec: spec({
      command: ['sleep', '1000'], stopSignal: 'SIGKILL', networkMode: 'none', networks: {},
      mounts: [{ ...mount, source: volume, target: '/named' }, { ...mount, source: null, target: '/anonymous' }],
    }) } },
    volumes: { [volume]: { stack: '', spec: volumeSpec, status: null } },
    images: { 'bayplan/hello': { spec: { pullPolicy: 'never', refreshMs: 0 }, status: null, pulledAt: 0 } },
  };
}

const settled = async (work: Promise<unknown>): Promise<BayplanError | null> => work.then(() => null, (error: unknown) => {
  if (error instanceof BayplanError) return error;
  throw error;
});

describe('what is being made is not pruned', () => {
  it('volumes of a container that is being made', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const name = `made${round}`;
      let made = false;
      const making = machine.engine.createContainer(wanted(name, `named${round}`)).finally(() => { made = true; });
      const pruning = (async () => {
        while (!made) {
          await machine.engine.pruneVolumes(() => true);
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      await Promise.all([making, pruning]);
      const { status } = machine.engine.container(name);
      for (const volume of [`named${round}`, ...Object.values(status?.anonymousVolumes ?? {})]) expect(existsSync(machine.engine.volumes.mountpoint(volume))).toBe(true);
      await machine.engine.removeContainer(name, { volumes: true });
    }
  });

  it('networks that a container being made is to join', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const network = `joined${round}`;
      await machine.engine.createNetwork(network, { ...DEFAULT_NETWORK_SPEC });
      const { containers: { [network]: container }, ...desired } = wanted(network, `named${round}`);
      if (container === undefined) throw new Error('there is no container to make');
      const joining = { ...container, spec: { ...container.spec, networkMode: 'bridge', networks: { [network]: attachment() } } };
      const external = { stack: '', spec: { ...DEFAULT_NETWORK_SPEC, external: true }, status: null };
      const making = settled(machine.engine.createContainer({ ...desired, networks: { [network]: external }, containers: { [network]: joining } }));
      for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
      const [made, pruned] = await Promise.all([making, machine.engine.pruneNetworks((name) => name === network)]);
      expect(made).toBeNull();
      expect(pruned).toEqual([]);
      await machine.engine.removeContainer(network, { volumes: true });
      expect(await machine.engine.pruneNetworks((name) => name === network)).toEqual([network]);
    }
  });

  it('a container that was started just before', async () => {
    let met = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const name = `started${round}`;
      await machine.engine.createContainer(wanted(name, 'shared'));
      const starting = settled(machine.engine.startContainer(name));
      for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
      const removal = await settled(machine.engine.removeContainer(name, { ended: true }));
      const start = await starting;
      if (start === null) {
        expect(removal?.code).toBe('conflict');
        expect(machine.engine.container(name).status?.phase).toBe('running');
        met++;
      } else {
        expect(start.code).toBe('not-found');
        expect(removal).toBeNull();
      }
      if (start === null) await machine.engine.removeContainer(name, {});
    }
    expect(met).toBeGreaterThan(0);
  });
});

describe('a volume that a container of nobody\'s uses', () => {
  const file = 'services: { db: { image: bayplan/hello, command: sleep 1000, stop_signal: SIGKILL, network_mode: none, volumes: ["data:/data"] } }\nvolumes: { data: {} }\n';

  it('outlives the stack that it belongs to, and says who keeps it', async () => {
    expect(await machine.up(file)).toMatchObject({ ok: true });
    const path = join(machine.engine.volumes.mountpoint('demo_data'), 'file');
    writeFileSync(path, 'kept');
    await machine.engine.createContainer({ ...wanted('other', 'demo_data'), volumes: { demo_data: { stack: '', spec: { ...volumeSpec, external: true }, status: null } } });
    const down = await machine.down({ volumes: true });
    expect(down.message).toBe('remove-volume demo_data: remove demo_data: volume is in use by other: remove that first');
    expect(readFileSync(path, 'utf8')).toBe('kept');
    await machine.engine.removeContainer('other', { volumes: true });
    expect(await machine.down({ volumes: true })).toMatchObject({ ok: true });
    expect(existsSync(path)).toBe(false);
  });
});
