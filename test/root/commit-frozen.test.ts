import { expect, it } from 'vitest';
import { setFrozen } from '../../src/runtime/container/freezer.ts';
import { machineForAll } from './machine-of-tests.ts';

const machine = machineForAll();

it('a commit comes to its end though the container that it freezes ends meanwhile', async () => {
  const { engine } = machine;
  expect(await machine.up('services: { web: { image: bayplan/hello, command: [sh, -c, "echo kept > /kept; exec sleep 1000"] } }')).toMatchObject({ ok: true });
  const kills: Promise<void>[] = [];
  const off = engine.containers.onEvent((event, name) => {
    if (event === 'paused') kills.push(engine.containers.stop(name, 'SIGKILL', 0));
  });
  const id = await engine.commitContainer('demo-web-1', { reference: null, author: '', message: '', changes: [], pause: true });
  off();
  expect(kills).toHaveLength(1);
  await Promise.all(kills);
  expect(id).toMatch(/^sha256:/);
  expect(engine.container('demo-web-1').status).toMatchObject({ phase: 'exited', paused: false });
});

it('a commit of a container that ends just then, before its end is known, is made all the same', async () => {
  const { engine } = machine;
  for (let round = 0; round < 8; round++) {
    expect(await machine.up(`services: { web: { image: bayplan/hello, command: [sh, -c, "echo ${round} > /kept"] } }`)).toMatchObject({ ok: true });
    expect(await engine.commitContainer('demo-web-1', { reference: null, author: '', message: '', changes: [], pause: true })).toMatch(/^sha256:/);
  }
  await expect(setFrozen('/bayplan-nosuch/container', true)).rejects.toMatchObject({ code: 'not-running' });
});

it('what an engine had frozen for a commit when it was killed goes on with the next; what a person has paused stays so', async () => {
  const service = '{ image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL }';
  expect(await machine.up(`services: { web: ${service}, held: ${service} }`)).toMatchObject({ ok: true });
  await machine.engine.containers.pause('demo-web-1', true, true); // as a commit does
  await machine.engine.pauseContainer('demo-held-1', true);
  await machine.close();
  await machine.open();
  const paused = (name: string): boolean | undefined => machine.engine.containers.get(name)?.status?.paused;
  expect([paused('demo-web-1'), paused('demo-held-1')]).toEqual([false, true]);
  expect((await machine.exec('demo-web-1', 'echo', 'there')).output).toBe('there\n');
});
