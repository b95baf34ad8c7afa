import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, Machine } from './harness.ts';

// What a hostile program tries against a container as the engine makes it, with the default profile and with none.
const machine = new Machine();
let folder = '';
let marker = '';
beforeAll(async () => {
  folder = mkdtempSync('/tmp/bayplan-hostile-');
  marker = join(folder, 'marker');
  execFileSync('gcc', ['-O1', '-static', '-D_GNU_SOURCE', '-o', join(folder, 'attacker'), new URL('attacker.c', import.meta.url).pathname]);
  await machine.open();
  await machine.loadHello();
  const service = (more: string): string => `{image: bayplan/hello, stop_signal: SIGKILL, command: [sleep, "1000"], volumes: ["${folder}/attacker:/attacker:ro"]${more}}`;
  const bare = 'security_opt: ["seccomp=unconfined", "systempaths=unconfined"]';
  expect(await machine.up(`services:
  usual: ${service('')}
  bare: ${service(`, ${bare}`)}
  admin: ${service(`, ${bare}, cap_add: [SYS_ADMIN]`)}
  users: ${service(`, ${bare}, cap_add: [SYS_ADMIN], userns_mode: auto`)}
  naive: ${service(`, ${bare}, cap_add: [SYS_ADMIN], cgroup: host`)}
`)).toMatchObject({ ok: true });
});
afterAll(async () => {
  await machine.dispose();
  rmSync(folder, { recursive: true });
});
const inside = async (service: string, script: string): Promise<string> => (await machine.exec(`demo-${service}-1`, 'sh', '-c', script)).output.trim();

it('seccomp refuses a call by whichever way it comes: syscall, int 0x80, x32', async () => {
  const calls = async (service: string) => new Map((await inside(service, '/attacker calls')).split('\n').map((line) => line.split(' ')).map(([name = '', ...ways]) => [name, ways.map(Number)] as const));
  const [usual, bare] = [await calls('usual'), await calls('bare')];
  expect(usual.size).toBe(11);
  for (const [name, ways] of usual) if (name !== 'getpid') for (const way of ways) expect([-1, -38], `${name}: ${ways.join(' ')}`).toContain(way); // EPERM; ENOSYS: the kernel has no such call
  expect(usual.get('getpid')?.[0]).toBeGreaterThan(0);
  expect(bare.get('keyctl')?.[0], 'without a filter it goes through').not.toBe(-1);
});

/** Looks for a release_agent of cgroup v1: where it lies already, in hierarchies mounted anew, and in a new one; with `write` it is set. */
const agents = (write: boolean): string => `
  try() { for agent in $(find "$1" -name release_agent 2>/dev/null); do echo "found $agent"; ${write ? `(echo "${marker}" > "$agent") 2>/dev/null && echo "written $agent";` : ''} done; }
  try /sys/fs/cgroup
  mkdir -p /tmp/c
  for kind in memory rdma pids cpu none,name=own; do mount -t cgroup -o $kind x /tmp/c 2>/dev/null && echo "mounted $kind" && try /tmp/c && umount /tmp/c; done
  echo tried`;

it.each(['usual', 'bare', 'admin', 'users'])('no release_agent of cgroup v1 can be set from inside, nor with users and mounts of its own (%s)', async (service) => {
  for (const way of ['sh -c', 'unshare -U -r -m sh -c', '/attacker namespaces sh -c']) {
    const said = await inside(service, `${way} '${agents(true)}' 2>&1`);
    expect(said).not.toContain('written');
    expect(said).toContain(way === 'sh -c' || service !== 'usual' ? 'tried' : 'Operation not permitted');
    if (service === 'admin' && way === 'sh -c' && existsSync('/sys/fs/cgroup/memory/release_agent')) expect(said).toContain('mounted memory');
  }
  expect(existsSync(marker)).toBe(false);
});

it.runIf(existsSync('/sys/fs/cgroup/memory/release_agent'))('there is one to be found where the cgroup namespace is the host\'s', async () => {
  expect(await inside('naive', `sh -c '${agents(false)}'`)).toMatch(/^found \/tmp\/c\/release_agent$/m);
});

it('hostile bytes of a program come back from its log as they are, and forge no line of another stream', async () => {
  const octal = '\\033]0;owned\\007\\033[2J\\000\\r\\377\\376\\n{"log":"forged\\\\n","stream":"stderr"}\\n';
  expect(await machine.up(`services: {loud: {image: bayplan/hello, command: [printf, '${octal}']}}`, { name: 'loud' })).toMatchObject({ ok: true });
  await eventually(() => expect(machine.engine.container('loud-loud-1').status?.phase).toBe('exited'));
  const parts: { stream: string; data: Buffer }[] = [];
  for await (const { stream, data } of machine.engine.containers.logs('loud-loud-1', { tail: null, follow: false, signal: new AbortController().signal })) parts.push({ stream, data });
  expect(Buffer.concat(parts.map(({ data }) => data)).toString('latin1')).toBe('\x1b]0;owned\x07\x1b[2J\0\r\xff\xfe\n{"log":"forged\\n","stream":"stderr"}\n');
  expect(new Set(parts.map(({ stream }) => stream))).toEqual(new Set(['stdout']));
});
