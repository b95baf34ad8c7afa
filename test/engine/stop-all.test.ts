import { expect, it } from 'vitest';
import { stopAll } from '../../src/engine/stop-all.ts';
import type { Container } from '../../src/state/container.ts';
import { executorOf } from '../reconcile/fake-executor.ts';
import { containerSpec } from '../spec-values.ts';

const running = (service: string, dependsOn = ''): Container => ({
  identity: { owner: 'stack', stack: 'shop', service, slot: 1, generation: 1 },
  spec: containerSpec({ labels: { 'com.docker.compose.depends_on': dependsOn } }),
  status: { id: 'a'.repeat(64), phase: 'running', pid: 7, exitCode: 0, oomKilled: false, error: '', createdAt: 1, startedAt: 1, finishedAt: 0, health: 'none', healthOutput: '', restarts: 0, restartAt: 0, held: false, paused: false, addresses: {}, anonymousVolumes: {}, ipv6Addresses: {}, runtime: 'bayplan', storage: 'overlay', joined: [], ports: [] },
});
const SHOP = new Map([['db', running('db')], ['app', running('app', 'db:service_healthy:false')], ['web', running('web', 'app:service_started:false')]]);

it('stops what others depend on after those, also where one of them cannot be stopped, once each', async () => {
  const asked: string[] = [];
  const executor = executorOf(async (id) => {
    asked.push(id);
    await new Promise(setImmediate);
    if (id === 'stop-container app') throw new Error('its shim does not answer');
  });
  expect(await stopAll(SHOP, executor)).toEqual({ stopped: 2, failures: ['stop-container app: its shim does not answer'] });
  expect(asked).toEqual(['stop-container web', 'stop-container app', 'stop-container db']);
});

it('stops nothing where nothing runs', async () => {
  expect(await stopAll(new Map(), executorOf(() => Promise.reject(new Error('asked'))))).toEqual({ stopped: 0, failures: [] });
});
