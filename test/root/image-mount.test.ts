import { afterAll, beforeAll, expect, it } from 'vitest';
import { Machine } from './harness.ts';

let machine: Machine;
beforeAll(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
});
afterAll(() => machine.dispose());

const SERVICE = 'image: bayplan/hello, stop_signal: SIGKILL, command: [sleep, "1000"]';
const file = (source: string): string => `services: {a: {${SERVICE}, volumes: [{type: image, source: "${source}", target: /img}]}}`;

it('shows what an image holds, read-only, and keeps the image while it does', async () => {
  await machine.engine.images.tag('bayplan/hello', 'mounted:1');
  expect(await machine.up(file('mounted:1'))).toMatchObject({ ok: true });
  expect((await machine.exec('demo-a-1', 'sh', '-c', 'cmp /bin/busybox /img/bin/busybox && echo same; touch /img/x 2>&1; grep -c " /img " /proc/mounts')).output).toBe('same\ntouch: /img/x: Read-only file system\n1\n');
  expect((await machine.engine.planStack('demo', machine.request(file('mounted:1')))).plan.steps).toEqual([]);
  await machine.close();
  await machine.open();
  expect(machine.engine.containers.imageUsers()).toHaveLength(2);
});

it('pulls an image that is missing, and says so where there is none to be had', async () => {
  const { plan: { steps } } = await machine.engine.planStack('demo', machine.request(file('127.0.0.1:1/nowhere:1')));
  expect(steps.map(({ id }) => id)).toContain('pull-image 127.0.0.1:1/nowhere:1');
  expect(await machine.up(file('127.0.0.1:1/nowhere:1'))).toMatchObject({ ok: false, message: expect.stringContaining('nowhere') as string });
  expect(machine.engine.container('demo-a-1').status?.phase).toBe('running');
});
