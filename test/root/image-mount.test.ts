import { expect, it } from 'vitest';
import { machineForAll } from './machine-of-tests.ts';

const machine = machineForAll();

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

it('shows a part of what an image holds, of one layer and of several, a folder or a file, and nothing that leads out of it', async () => {
  expect(await machine.up(`services: {a: {${SERVICE}}}`)).toMatchObject({ ok: true });
  await machine.exec('demo-a-1', 'sh', '-c', 'mkdir /part && echo one > /part/file && ln -s part /link && ln -s ../../etc /part/away && rm /bin/sleep');
  await machine.engine.commitContainer('demo-a-1', { reference: 'docker.io/library/layers:2', author: '', message: '', changes: [], pause: true });
  const part = (image: string, subpath: string, target: string): string => `{type: image, source: "${image}", target: ${target}, image: {subpath: "${subpath}"}}`;
  const mounted = (...parts: string[]): string => `services: {a: {${SERVICE}, volumes: [${parts.join(', ')}]}}`;
  expect(await machine.up(mounted(part('layers:2', 'part', '/folder'), part('layers:2', 'link/file', '/etc/file'), part('layers:2', 'bin', '/programs'), part('bayplan/hello', 'bin', '/own')))).toMatchObject({ ok: true });
  expect((await machine.exec('demo-a-1', 'sh', '-c', 'cat /folder/file /etc/file; ls /programs/sleep 2>&1; ls /own/sleep; touch /folder/x /etc/file /own/x 2>&1; cat /proc/mounts | grep -c -E " /(folder|etc/file|programs|own) "')).output)
    .toBe('one\none\nls: /programs/sleep: No such file or directory\n/own/sleep\ntouch: /folder/x: Read-only file system\ntouch: /etc/file: Read-only file system\ntouch: /own/x: Read-only file system\n4\n');
  expect(await machine.up(mounted(part('layers:2', 'part', '/folder'), part('bayplan/hello', 'bin', '/own')).replace('stop_signal', 'userns_mode: auto, stop_signal'))).toMatchObject({ ok: true });
  expect((await machine.exec('demo-a-1', 'sh', '-c', 'stat -c %u /folder/file /own/sleep')).output).toBe('0\n0\n');
  for (const [subpath, message] of [['nowhere', 'subpath nowhere does not exist'], ['part/away', 'leads out of'], ['../x', 'leads out of']]) {
    expect(await machine.up(mounted(part('layers:2', subpath ?? '', '/folder')))).toMatchObject({ ok: false, message: expect.stringContaining(message ?? '') as string });
  }
});
