import { expect, test } from 'vitest';
import { late } from '../../src/cli/late.ts';
import { EngineClient } from '../../src/client/engine-client.ts';

test('--wait-timeout names the services that are not ready, and how they stand', async () => {
  const container = (service: string, status: object | null, owner = 'stack') => ({ identity: { owner, service }, status: status === null ? null : { phase: 'running', health: 'none', restartAt: 0, exitCode: 0, ...status } });
  const containers = {
    a: container('db', { health: 'starting' }), b: container('db', { health: 'starting' }), c: container('web', {}), d: container('job', { phase: 'exited' }), e: container('bad', { phase: 'exited', exitCode: 3 }),
    f: container('flaps', { phase: 'exited', restartAt: 5 }), g: container('ill', { health: 'unhealthy' }), h: container('other', null), i: container('task', { health: 'unhealthy' }, 'oneoff'), j: container('well', { health: 'healthy' }),
  };
  const client = new EngineClient('/r', null, '/none');
  client.stack = () => Promise.resolve(JSON.parse(JSON.stringify({ actual: { containers } })));
  expect((await late(client, 'demo', 9)).message).toBe('the services are not all healthy after 9 s; not ready: bad (ended with code 3), db (starting), flaps (restarting), ill (unhealthy), other (not started); they are left running');
});
