import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, openSync, closeSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { alive, Container, core, logText, notSanitized, running, sanitized, sh, until } from './core-world.ts';

describe('the shim', () => {
  it.skipIf(sanitized)(`stays small, keeps the record of what it started, and answers its engine${notSanitized}`, async () => {
    const container = new Container(['sleep', '1000']).start();
    const ready = await container.line();
    expect(JSON.parse(readFileSync(join(container.bundle, 'pid'), 'utf8'))).toEqual(ready);
    expect(readlinkSync(`/proc/${ready.shimPid}/exe`)).toContain('bayplan-core');
    const dirty = Number(/Private_Dirty:\s+(\d+)/.exec(readFileSync(`/proc/${ready.shimPid}/smaps_rollup`, 'utf8'))?.[1]);
    expect(dirty).toBeLessThan(200);
    expect((await container.control({ version: 1, op: 'ping' })).answer).toEqual({ version: 1, ok: true });
    expect((await container.control({ version: 1, op: 'dance' })).answer).toMatchObject({ ok: false, errno: 38 });
    const { answer, closed } = await container.control({ version: 1, op: 'signal', signal: 9 });
    expect(answer).toEqual({ version: 1, ok: true });
    await closed;
    expect(JSON.parse(readFileSync(container.exitFile, 'utf8'))).toMatchObject({ version: 1, exitCode: 137, signal: 9, oomKilled: false });
  });

  it('kills all of a container at once', async () => {
    const container = new Container(sh('trap "" TERM; for i in 1 2 3 4; do setsid sleep 1000 & done; wait')).start();
    const { pid } = await container.line();
    await until(() => (readFileSync(join(container.cgroups()[0] ?? '', 'cgroup.procs'), 'utf8').trim().split('\n').length === 5 ? true : null));
    expect((await container.control({ version: 1, op: 'signal', signal: 15, all: false })).answer).toEqual({ version: 1, ok: true });
    expect(alive(pid, container.ready.startTime)).toBe(true);
    expect((await container.control({ version: 1, op: 'signal', signal: 9, all: true })).answer).toEqual({ version: 1, ok: true });
    expect(await container.exit()).toMatchObject({ exitCode: 137 });
  });

  it('keeps both streams apart, in records of whole bytes, and rotates', async () => {
    const { output, errors } = await new Container(sh('echo out; printf "\\0\\377"; echo err >&2')).run();
    expect([output, errors]).toEqual(['out\n\0\ufffd', 'err\n']);
    const container = new Container(sh('i=0; while [ $i -lt 2000 ]; do echo "line $i of two thousand lines that are all to be found"; i=$((i+1)); done'));
    await container.run('--log-max', '60000', '--log-files', '9');
    const files = [...Array.from({ length: 8 }, (_, at) => `${container.log}.${8 - at}`), container.log].filter((file) => existsSync(file));
    expect(files.length).toBeGreaterThan(1);
    expect(files.map((file) => logText(file, 1)).join('').trim().split('\n')).toHaveLength(2000);
  });

  it('loses nothing of what was written just before the end', async () => {
    const { output, exit } = await new Container(sh('head -c 3000000 /dev/zero | tr "\\0" x; exit 3')).run();
    expect(exit.exitCode).toBe(3);
    expect(output).toHaveLength(3_000_000);
  });

  it('lets the container go when it is killed itself, and delete cleans up after it', async () => {
    const container = new Container(['sleep', '1000']).start();
    const { pid, startTime, shimPid, shimStartTime } = await container.line();
    process.kill(shimPid, 'SIGKILL');
    await until(() => (alive(shimPid, shimStartTime) ? null : true));
    expect(alive(pid, startTime)).toBe(true);
    execFileSync(core, ['remove-cgroup', '--cgroup', container.cgroup]);
    await until(() => (alive(pid, startTime) ? null : true));
    expect(container.cgroups()).toEqual([]);
    execFileSync(core, ['remove-cgroup', '--cgroup', container.cgroup]);
    expect(spawnSync(core, ['remove-cgroup', '--cgroup', '/'], { encoding: 'utf8' })).toMatchObject({ status: 1, stderr: expect.stringContaining('names no cgroup') });
    rmSync(join(container.bundle, 'shim.sock'));
  });

  it('cannot be written to through /proc by those who see it', async () => {
    const container = new Container(['sleep', '1000']).start();
    const { shimPid } = await container.line();
    expect(() => writeFileSync(`/proc/${shimPid}/exe`, 'x')).toThrow(/EROFS/);
  });

  it('holds the lock it was given until it ends', async () => {
    const container = new Container(['sleep', '1000']);
    const lock = join(container.bundle, 'lock');
    const ready = openSync(join(container.bundle, 'ready'), 'w');
    running.push(container);
    execFileSync('flock', ['-n', lock, core, 'shim', '--bundle', container.bundle, '--exit-file', container.exitFile, '--log', container.log, '--ready-fd', '4', '--lock-fd', '3'],
      { stdio: ['ignore', 'ignore', 'inherit', 'ignore', ready] });
    closeSync(ready);
    const { pid, shimPid, shimStartTime } = await container.line();
    expect(readlinkSync(`/proc/${shimPid}/fd/3`)).toBe(lock);
    expect(spawnSync('flock', ['-n', lock, 'true']).status).toBe(1);
    process.kill(pid, 'SIGKILL');
    await until(() => (alive(shimPid, shimStartTime) ? null : true));
    expect(spawnSync('flock', ['-n', lock, 'true']).status).toBe(0);
  });
});
