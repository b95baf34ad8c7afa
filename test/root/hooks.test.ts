import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from './harness.ts';
import { machineForAll } from './machine-of-tests.ts';

const machine = machineForAll();

const SERVICE = 'image: bayplan/hello, stop_signal: SIGKILL, command: [sleep, "1000"]';
const folder = (): string => join(machine.paths.containers, machine.engine.container('demo-a-1').status?.id ?? '');

describe('hooks', () => {
  it('run once a container has started, and before it is stopped, as who and where they say', async () => {
    const hooks = 'post_start: [{command: [sh, -c, "echo $$A $$(id -u) $$(pwd) > /made"], user: "7", environment: {A: x}, working_dir: /tmp}, {command: [sh, -c, "grep CapEff /proc/self/status >> /out/caps"], privileged: true}]';
    const stop = 'pre_stop: [{command: [sh, -c, "echo stopping > /out/stopped"]}]';
    expect(await machine.up(`services: {a: {${SERVICE}, volumes: ["./out:/out"], ${hooks.replace('/made', '/out/made')}, ${stop}}}`)).toMatchObject({ ok: false, message: expect.stringContaining('can\'t create /out/made: Permission denied') as string });
    expect(await machine.up(`services: {a: {${SERVICE}, volumes: ["./out:/out", "./open:/open"], ${hooks.replace('/made', '/tmp/made')}, ${stop}}}`)).toMatchObject({ ok: true });
    expect((await machine.exec('demo-a-1', 'cat', '/tmp/made')).output).toBe('x 7 /tmp\n');
    expect(readFileSync(join(machine.folder, 'out/caps'), 'utf8')).toContain(/^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 'none');
    await machine.down({ stopTimeoutSeconds: 5 });
    expect(readFileSync(join(machine.folder, 'out/stopped'), 'utf8')).toBe('stopping\n');
  });

  it('that fail are named, and keep nobody from stopping', async () => {
    expect(await machine.up(`services: {a: {${SERVICE}, post_start: [{command: [sh, -c, "echo why; exit 3"]}]}}`)).toMatchObject({
      ok: false, message: 'start-container demo-a-1: container demo-a-1: its post_start hook "sh -c echo why; exit 3" ended with code 3: why',
    });
    expect(await machine.up(`services: {a: {${SERVICE}, pre_stop: [{command: [sleep, "1000"]}]}}`)).toMatchObject({ ok: true });
    expect(await machine.down({ stopTimeoutSeconds: 0 })).toMatchObject({ ok: true });
    expect(machine.reports.at(-1)).toBe('container demo-a-1: its pre_stop hook "sleep 1000" did not end within 0 ms');
  });
});

describe('logging', () => {
  const WRITES = 'image: bayplan/hello, command: [sh, -c, "seq 20000"]';
  const ended = () => eventually(() => expect(machine.engine.container('demo-a-1').status).toMatchObject({ phase: 'exited', exitCode: 0 }));

  it('keeps as much as it is told to, and the newest', async () => {
    expect(await machine.up(`services: {a: {${WRITES}, logging: {options: {max-size: 20k, max-file: "2"}}}}`)).toMatchObject({ ok: true });
    await ended();
    const files = readdirSync(folder()).filter((name) => name.startsWith('log')).sort();
    expect(files).toEqual(['log', 'log.1']);
    for (const file of files) expect(statSync(join(folder(), file)).size).toBeLessThanOrEqual(70_000); // a record is never cut
    expect(await machine.output('demo-a-1')).toMatch(/\n20000\n$/);
  });

  it('loses nothing of a container that writes as fast as it can', async () => {
    expect(await machine.up('services: {a: {image: bayplan/hello, command: [dd, if=/dev/zero, bs=64k, count=3200], logging: {options: {max-size: "-1"}}}}')).toMatchObject({ ok: true });
    await ended();
    let bytes = 0;
    for await (const { stream, data } of machine.engine.containers.logs('demo-a-1', { tail: null, follow: false, signal: new AbortController().signal })) if (stream === 'stdout') bytes += data.length;
    expect(bytes).toBe(3200 * 65536);
    const { startedAt = 0, finishedAt = 0 } = machine.engine.container('demo-a-1').status ?? {};
    if (process.env['MEASURE'] !== undefined) console.log(`${Math.round(bytes / 1000 / (finishedAt - startedAt))} MB/s`);
  });

  it('keeps nothing with driver none, and says so', async () => {
    expect(await machine.up(`services: {a: {${WRITES}, logging: {driver: none}}}`)).toMatchObject({ ok: true });
    await ended();
    expect(statSync(join(folder(), 'log')).size).toBe(0);
    expect(existsSync('/dev/null.1')).toBe(false);
    await expect(machine.output('demo-a-1')).rejects.toThrow('its output is not kept (logging driver "none")');
  });
});

it('a restart policy waits as long as it says', async () => {
  expect(await machine.up('services: {a: {image: bayplan/hello, command: ["false"], deploy: {restart_policy: {condition: on-failure, delay: 300ms, max_attempts: 2}}}}')).toMatchObject({ ok: true });
  const first = machine.engine.container('demo-a-1').status?.startedAt ?? 0;
  await eventually(() => expect(machine.engine.container('demo-a-1').status).toMatchObject({ restarts: 2, phase: 'exited', restartAt: 0 }));
  expect((machine.engine.container('demo-a-1').status?.startedAt ?? 0) - first).toBeGreaterThanOrEqual(600);
});
