import { expect, it } from 'vitest';
import { planShutdown } from '../../src/plan/shutdown.ts';
import type { Container } from '../../src/state/container.ts';
import { containerSpec } from '../spec-values.ts';

const ran = (owner: Container['identity']['owner'], service: string, dependsOn = '', phase: 'running' | 'exited' = 'running'): Container => ({
  identity: { owner, stack: owner === 'api' ? '' : 'shop', service, slot: 1, generation: 1 },
  spec: containerSpec({ stopSignal: 'SIGQUIT', stopGracePeriodMs: 7000, labels: { 'com.docker.compose.depends_on': dependsOn } }),
  status: { id: 'a'.repeat(64), phase, pid: 7, exitCode: 0, oomKilled: false, error: '', createdAt: 1, startedAt: 1, finishedAt: 0, health: 'none', healthOutput: '', restarts: 0, restartAt: 0, held: false, paused: false, addresses: {}, anonymousVolumes: {}, ipv6Addresses: {}, runtime: 'bayplan', storage: 'overlay', joined: [], ports: [] },
});

it('stops one-offs, then who depends on others before those, each as it wants to be stopped; the API\'s at once', () => {
  const steps = planShutdown(new Map([
    ['db', ran('stack', 'db')], ['app', ran('stack', 'app', 'db:service_healthy:false')], ['web', ran('stack', 'web', 'app:service_started:false')],
    ['run', ran('oneoff', 'app')], ['ended', ran('stack', 'ended', 'db:service_healthy:false', 'exited')], ['single', ran('api', '')],
  ]));
  expect(Object.fromEntries(steps.map(({ id, needs }) => [id, [...needs].sort()]))).toEqual({
    'stop-container single': [], 'stop-container run': [],
    'stop-container web': ['stop-container run'], 'stop-container app': ['stop-container run', 'stop-container web'], 'stop-container db': ['stop-container app', 'stop-container run'],
  });
  for (const { action, args } of steps) expect([action, args]).toEqual(['stop-container', { name: expect.any(String), signal: 'SIGQUIT', graceMs: 7000, again: true, optional: true }]);
});

it('follows what does not run any more to what runs', () => {
  const steps = planShutdown(new Map([['db', ran('stack', 'db')], ['app', ran('stack', 'app', 'db:service_healthy:false', 'exited')], ['web', ran('stack', 'web', 'app:service_started:false')]]));
  expect(steps.map(({ id, needs }) => [id, needs])).toEqual([['stop-container db', ['stop-container web']], ['stop-container web', []]]);
});
