import { expect, it } from 'vitest';
import { eventually } from './harness.ts';
import { machineForAll } from './machine-of-tests.ts';

// What a check has found before an `up` says nothing of what that `up` mends.
const machine = machineForAll();

const stack = (cache: string): string => `
services:
  cache: { image: bayplan/hello, init: true, command: [sh, -c, "${cache}"] }
  app:
    image: bayplan/hello
    init: true
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    depends_on: [cache]
    healthcheck: { test: [CMD, wget, -qO-, "http://cache/"], interval: 2s, retries: 1 }
  web: { image: bayplan/hello, init: true, command: [sleep, "1000"], stop_signal: SIGKILL, depends_on: { app: { condition: service_healthy } } }
`;

it('an up that mends a broken dependency waits for who was unhealthy without it', async () => {
  expect(await machine.up(stack('exit 3'))).toMatchObject({ ok: false });
  expect(machine.engine.container('demo-app-1').status?.health).toBe('unhealthy');
  const outcome = await machine.up(stack('sleep 0.5; mkdir /www; echo > /www/index.html; exec httpd -f -h /www'), { wait: true });
  expect(outcome).toMatchObject({ ok: true, message: '' });
  expect(outcome.done).toContain('probe-container demo-app-1');
  expect(machine.engine.container('demo-web-1').status?.phase).toBe('running');
  expect((await machine.up(stack('sleep 0.5; mkdir /www; echo > /www/index.html; exec httpd -f -h /www'))).done).toEqual([]);
});

it('one that stays unhealthy fails the up after its interval', async () => {
  expect(await machine.up(stack('exec sleep 1000'))).toMatchObject({ ok: true }); // nobody is to be started, so nobody waits
  await eventually(() => expect(machine.engine.container('demo-app-1').status?.health).toBe('unhealthy'));
  const begun = Date.now();
  expect(await machine.up(stack('exec sleep 1001'), { wait: true })).toMatchObject({ ok: false, message: expect.stringMatching(/demo-app-1 is unhealthy/) as unknown });
  expect(Date.now() - begun).toBeGreaterThan(1500);
});

it('what runs is not given up where what it depends on is unhealthy, and nothing mends that', async () => {
  const { pid } = machine.engine.container('demo-web-1').status ?? {};
  const changed = stack('exec sleep 1001').replace('depends_on: { app:', 'environment: { A: "1" }, depends_on: { app:');
  expect(await machine.up(changed)).toMatchObject({ ok: false, done: [], message: expect.stringMatching(/demo-app-1 is unhealthy/) as unknown });
  expect(machine.engine.container('demo-web-1').status).toMatchObject({ phase: 'running', pid });
});
