import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { OciConfig } from '../../src/runtime/container/oci.ts';
import { NO_BLOCK_IO } from '../../src/state/resources.ts';
import { resources } from '../spec-values.ts';
import { alive, Container, logText, sh, until } from './core-world.ts';

describe('limits', () => {
  it('kills for memory, and says so', async () => {
    const { exit } = await new Container(['tail', '-c', '50000000', '/dev/zero'], { resources: resources({ memory: 16 << 20 }) }, {},
      (config) => ({ ...config, linux: { ...config.linux, resources: { memory: { limit: 16 << 20, swap: 16 << 20 } } } })).run();
    expect(exit).toMatchObject({ exitCode: 137, signal: 9, oomKilled: true });
  });

  it('holds the number of processes and the share of a processor', async () => {
    const container = new Container(['sleep', '1000'], { resources: resources({ cpus: 0.25, pids: 8 }) }).start();
    await container.line();
    const value = (...names: string[]): string =>
      readFileSync(container.cgroups().flatMap((path) => names.map((name) => join(path, name))).find((path) => existsSync(path)) ?? 'no such file', 'utf8').trim();
    expect(value('pids.max')).toBe('8');
    expect(['25000', '25000 100000']).toContain(value('cpu.cfs_quota_us', 'cpu.max'));
    expect(container.exec(sh('for i in $(seq 50); do sleep 100 > /dev/null 2>&1 & done')).stderr).toContain('can\'t fork');
    expect(alive(container.ready.pid, container.ready.startTime)).toBe(true);
  });
});

// What a hierarchy that is missing changes; where there is v2 alone, nothing can be taken away.
const hybrid = existsSync('/sys/fs/cgroup/pids/tasks') && existsSync('/sys/fs/cgroup/unified/cgroup.procs');
describe.runIf(hybrid)(`without a cgroup hierarchy${hybrid ? '' : ' (skipped: this machine has one alone)'}`, () => {
  it.each([
    ['memory', 'memory limit', resources({ memory: 32 << 20 })],
    ['cpu', 'cpu limit', resources({ cpus: 0.5 })],
    ['pids', 'limit of processes', resources({ pids: 9 })],
    ['cpuset', 'choice of processors', resources({ cpuset: '0' })],
    ['blkio', 'limit of disk input and output', resources({ blockIo: { ...NO_BLOCK_IO, weight: 300 } })],
  ])('%s does not start what needs it', async (name, what, resources) => {
    const container = new Container(['true'], { resources }).startWithout([name]);
    expect((await container.line()).error).toContain(`the ${what} cannot be held: the cgroup controller ${name} is not mounted`);
    expect(container.cgroups()).toEqual([]);
    const unlimited = new Container(['true']).startWithout([name]);
    expect((await unlimited.line()).error).toBeUndefined();
    expect(await unlimited.exit()).toMatchObject({ exitCode: 0 });
  });

  it('restricts devices by v2 where v1 does not, and starts nothing where neither does', async () => {
    const container = new Container(sh('mknod /tmp/vda b 254 0; mknod /tmp/null c 1 3; cat /tmp/null; head -c 1 /tmp/vda')).startWithout(['devices']);
    await container.line();
    await container.exit();
    expect(logText(container.log, 2)).toBe('head: /tmp/vda: Operation not permitted\n');
    expect((await new Container(['true']).startWithout(['devices', 'unified']).line()).error).toContain('access to devices cannot be restricted');
  });

  it('kills all at once without cgroup.kill, however fast they fork', async () => {
    const ownPids = ({ linux, ...config }: OciConfig): OciConfig =>
      ({ ...config, linux: { ...linux, namespaces: (linux.namespaces ?? []).filter(({ type }) => type !== 'pid') } });
    const container = new Container(sh('fork() { fork & fork & sleep 1000; }; fork & fork & sleep 1000'), { resources: resources({ pids: 100 }) }, {}, ownPids)
      .startWithout(['unified']);
    await container.line();
    const listed = join('/sys/fs/cgroup/pids', container.cgroup, 'cgroup.procs');
    await until(() => (readFileSync(listed, 'utf8').split('\n').length > 50 ? true : null));
    expect((await container.control({ version: 1, op: 'signal', signal: 9, all: true })).answer).toEqual({ version: 1, ok: true });
    expect(existsSync(listed) ? readFileSync(listed, 'utf8') : '').toBe('');
    expect(await container.exit()).toMatchObject({ exitCode: 137 });
  });
});
