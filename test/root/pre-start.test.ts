import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, Machine } from './harness.ts';

let machine: Machine;
beforeAll(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
  mkdirSync(join(machine.folder, 'out'));
  chmodSync(join(machine.folder, 'out'), 0o777);
});
afterAll(() => machine.dispose());

const SERVICE = 'image: bayplan/hello, stop_signal: SIGKILL, command: [sleep, "1000"]';
const out = (name: string): string => readFileSync(join(machine.folder, 'out', name), 'utf8');
const empty = (name: string): void => writeFileSync(join(machine.folder, 'out', name), '');
const names = (): string[] => [...machine.engine.containers.list().keys()].sort();

describe('pre_start', () => {
  it('runs in containers of their own, in order, once for all replicas, and leaves none behind', async () => {
    const hooks = 'pre_start: [{command: [sh, -c, "echo one $$A $$B $$(id -u) $$(pwd) >> /out/order"], environment: {B: b}, user: "7", working_dir: /tmp}, {command: [sh, -c, "echo two $$(hostname) >> /out/order; ls /data /own > /out/volumes"]}]';
    const file = `services: {a: {${SERVICE}, environment: {A: a}, volumes: ["./out:/out", "data:/data", "/own"], deploy: {replicas: 2}, ${hooks}}}\nvolumes: {data: }`;
    expect(await machine.up(file)).toMatchObject({ ok: true });
    const [one = '', two = '', ...more] = out('order').trimEnd().split('\n');
    expect(one).toBe('one a b 7 /tmp');
    expect(two).toMatch(/^two [0-9a-f]{12}$/);
    expect(two).not.toContain(machine.engine.container('demo-a-1').status?.id.slice(0, 12));
    expect(more).toEqual([]);
    expect(out('volumes')).toBe('/data:\n\n/own:\n');
    expect(names()).toEqual(['demo-a-1', 'demo-a-2']);
    empty('order');
    expect(await machine.up(file)).toMatchObject({ ok: true, done: [] });
    expect(await machine.up(file.replace('replicas: 2', 'replicas: 3'))).toMatchObject({ ok: true });
    expect(out('order')).toBe('');
    expect(await machine.up(file.replace('environment: {A: a}', 'environment: {A: c}'))).toMatchObject({ ok: true });
    expect(out('order')).toMatch(/^one c b 7 \/tmp\ntwo /);
    await machine.down({ volumes: true });
  });

  it('shares anonymous volumes with the first replica', async () => {
    expect(await machine.up(`services: {a: {${SERVICE}, volumes: ["/own"], pre_start: [{command: [sh, -c, "echo made > /own/file"]}]}}`)).toMatchObject({ ok: true });
    expect((await machine.exec('demo-a-1', 'cat', '/own/file')).output).toBe('made\n');
    await machine.down({ volumes: true });
  });

  it('that fails is named with its last words, is kept, keeps the service from starting, and runs again with the next up', async () => {
    const file = (code: number): string => `services: {a: {${SERVICE}, volumes: ["./out:/out"], pre_start: [{command: [sh, -c, "echo first >> /out/runs"]}, {command: [sh, -c, "echo no database; exit ${code}"]}]}, c: {${SERVICE}, depends_on: [a]}}`;
    empty('runs');
    const failed = await machine.up(file(17));
    expect(failed).toMatchObject({ ok: false, message: 'wait-container demo-a-1-pre_start-1 completed: service a: pre_start[1] ended with code 17: no database (container demo-a-1-pre_start-1 is kept to be looked at: bayplan -p demo logs a)' });
    expect(machine.engine.container('demo-a-1').status?.phase).toBe('created');
    expect(machine.engine.container('demo-c-1').status?.phase).toBe('created');
    expect(machine.engine.container('demo-a-1-pre_start-1').status).toMatchObject({ phase: 'exited', exitCode: 17 });
    expect(await machine.output('demo-a-1-pre_start-1')).toBe('no database\n');
    expect(names()).not.toContain('demo-a-1-pre_start-0');
    expect(await machine.up(file(0))).toMatchObject({ ok: true });
    expect(out('runs')).toBe('first\nfirst\n');
    expect(names()).toEqual(['demo-a-1', 'demo-c-1']);
    expect(await machine.up(file(3))).toMatchObject({ ok: false });
    expect(await machine.down()).toMatchObject({ ok: true });
    expect(names()).toEqual([]);
  });

  it('is waited for by the next engine where the one that began it has gone', async () => {
    empty('runs');
    const file = `services: {a: {${SERVICE}, volumes: ["./out:/out"], pre_start: [{command: [sh, -c, "echo begun >> /out/runs; until [ -e /out/go ]; do sleep 0.05; done; echo ended >> /out/runs"]}]}}`;
    const cut = machine.up(file);
    cut.catch(() => undefined);
    await eventually(() => expect(out('runs')).toBe('begun\n'));
    await machine.close();
    await cut.catch(() => undefined);
    await machine.open();
    const again = machine.up(file);
    await eventually(() => expect(machine.engine.container('demo-a-1-pre_start-0').status?.phase).toBe('running'));
    empty('go');
    expect(await again).toMatchObject({ ok: true });
    expect(out('runs')).toBe('begun\nended\n');
    expect(machine.engine.container('demo-a-1').status?.phase).toBe('running');
    await machine.down();
  });
});
