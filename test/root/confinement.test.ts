import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from './harness.ts';
import { machineForAll } from './machine-of-tests.ts';

// Devices, privileges, security options and namespaces of others, as /proc and the container itself show them.
const machine = machineForAll();

const SERVICE = 'image: bayplan/hello, stop_signal: SIGKILL, command: [sleep, "1000"]';
const up = async (keys: string, more = ''): Promise<string> => {
  const { ok, message } = await machine.up(`services: {a: {${SERVICE}, ${keys}}${more}}`, { removeOrphans: true });
  return ok ? '' : message;
};
const inside = async (script: string, service = 'a'): Promise<string> => (await machine.exec(`demo-${service}-1`, 'sh', '-c', script)).output.trim();
const pid = (service = 'a'): number => machine.engine.container(`demo-${service}-1`).status?.pid ?? 0;
const namespace = (kind: string, service?: string): string => readlinkSync(`/proc/${service === undefined ? 'self' : pid(service)}/ns/${kind}`);
const status = (field: string): string => new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid()}/status`, 'utf8'))?.[1] ?? '';

describe('devices', () => {
  it('by path, with another name and permissions, and all of a folder', async () => {
    expect(await up('devices: ["/dev/zero:/dev/nothing:r", {source: /dev/loop0, target: /dev/disk}, /dev/net]')).toBe('');
    expect(await inside('stat -c "%F %t:%T" /dev/nothing /dev/disk')).toBe(`character special file 1:5\nblock special file 7:0`);
    if (existsSync('/dev/net/tun')) expect(await inside('stat -c "%F %t:%T" /dev/net/tun')).toBe('character special file a:c8');
    expect(await inside('head -c1 /dev/disk > /f; echo $?')).not.toContain('not permitted');
  });

  it('that are not there are named', async () => {
    expect(await up('devices: [/dev/no-such]')).toContain('devices: there is no /dev/no-such on this machine');
    expect(await up('devices: [/etc/passwd]')).toContain('devices: "/etc/passwd": not a device node, nor a folder with any');
  });
});

it('a privileged container has what the engine has', async () => {
  expect(await up('privileged: true')).toBe('');
  expect(status('CapEff')).toBe(/^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  expect(status('Seccomp')).toBe('0');
  expect(await inside('mkdir /x; mount -t tmpfs x /x && echo mounted; ls /dev/loop0; echo 1 > /proc/sys/net/ipv4/ip_forward && echo writable; grep " /sys " /proc/mounts | cut -d" " -f4')).toMatch(/^mounted\n\/dev\/loop0\nwritable\nrw,/);
});

describe('security options', () => {
  it('no-new-privileges, and parts of /proc that are hidden otherwise', async () => {
    expect(await up('security_opt: ["no-new-privileges:true", systempaths=unconfined, "label=disable"]')).toBe('');
    expect(status('NoNewPrivs')).toBe('1');
    expect(status('Seccomp')).toBe('2');
    expect(await inside('grep -c " /proc/" /proc/mounts')).toBe('0');
  });

  it('seccomp unconfined', async () => {
    expect(await up('security_opt: [seccomp=unconfined]')).toBe('');
    expect(status('Seccomp')).toBe('0');
  });

  it('a seccomp profile of one\'s own, of Docker\'s form', async () => {
    const profile = {
      defaultAction: 'SCMP_ACT_ALLOW', archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: [] }],
      syscalls: [
        { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 }, { names: ['rmdir'], action: 'SCMP_ACT_ERRNO', includes: { caps: ['CAP_SYS_ADMIN'] } },
        { names: ['chmod', 'fchmodat'], action: 'SCMP_ACT_ERRNO', excludes: { caps: ['CAP_CHOWN'] } },
      ],
    };
    writeFileSync(join(machine.folder, 'profile.json'), JSON.stringify(profile));
    const file = `services: {a: {${SERVICE}, security_opt: ["seccomp=profile.json"]}}`;
    expect(await machine.up(file, { removeOrphans: true })).toMatchObject({ ok: true });
    expect(status('Seccomp')).toBe('2');
    expect(await inside('mkdir /x 2>&1; rmdir /no 2>&1; chmod 700 /tmp && echo changed')).toBe("mkdir: can't create directory '/x': Operation not supported\nrmdir: '/no': No such file or directory\nchanged");
    writeFileSync(join(machine.folder, 'profile.json'), JSON.stringify({ ...profile, defaultAction: 'SCMP_ACT_WISH' }));
    expect((await machine.up(file, { removeOrphans: true })).message).toMatch(/^start-container demo-a-1: seccomp: unknown or unsupported action "SCMP_ACT_WISH"$/);
  });
});

describe('namespaces', () => {
  it('are the host\'s where that is asked for', async () => {
    expect(await up('pid: host, ipc: host, uts: host, cgroup: host')).toBe('');
    for (const kind of ['pid', 'ipc', 'uts', 'cgroup']) expect(namespace(kind, 'a'), kind).toBe(namespace(kind));
    expect(namespace('mnt', 'a')).not.toBe(namespace('mnt'));
    expect(await inside('hostname')).toBe(readFileSync('/proc/sys/kernel/hostname', 'utf8').trim());
    expect(await inside('ls /sys/fs/cgroup/pids 2>&1 | grep -c pids.max')).toBe(existsSync('/sys/fs/cgroup/pids') ? '1' : '0');
  });

  it('are another service\'s, with its shared memory', async () => {
    expect(await up('ipc: shareable', `, b: {${SERVICE}, ipc: "service:a", pid: "service:a"}`)).toBe('');
    for (const kind of ['pid', 'ipc']) expect(namespace(kind, 'b'), kind).toBe(namespace(kind, 'a'));
    await inside('echo shared > /dev/shm/x');
    expect(await inside('cat /dev/shm/x', 'b')).toBe('shared');
    expect(await inside('ls /proc | grep -c "^1$"', 'b')).toBe('1');
    await eventually(() => expect(machine.engine.container('demo-b-1').status?.phase).toBe('running'));
    expect(await up('ipc: private', `, b: {${SERVICE}, ipc: "service:a"}`)).toContain('the ipc namespace of demo-a-1 is private (non-shareable IPC); give it ipc "shareable"');
  });

  it('without shared memory where ipc is none', async () => {
    expect(await up('ipc: none')).toBe('');
    expect(await inside('grep -c /dev/shm /proc/mounts')).toBe('0');
  });
});

it('lives below the cgroup that is asked for', async () => {
  expect(await up(`cgroup_parent: ${machine.paths.cgroup}-parent/x`)).toBe('');
  expect(readFileSync(`/proc/${pid()}/cgroup`, 'utf8')).toContain(`:/${machine.paths.cgroup}-parent/x/${machine.engine.container('demo-a-1').status?.id.slice(0, 16) ?? ''}`);
  await machine.close();
  await machine.open();
  expect(await inside('echo adopted')).toBe('adopted');
  expect(await machine.down({ stopTimeoutSeconds: 0 })).toMatchObject({ ok: true });
  // A parent that somebody names is theirs, and stays: here it is the test's.
  for (const hierarchy of ['.', ...readdirSync('/sys/fs/cgroup')]) {
    const parent = join('/sys/fs/cgroup', hierarchy, `${machine.paths.cgroup}-parent`);
    if (existsSync(parent)) for (const folder of [join(parent, 'x'), parent]) rmdirSync(folder);
  }
});

it('a change of each shows in the plan by its name', async () => {
  expect(await up('init: true')).toBe('');
  const why = async (keys: string): Promise<string> => (await machine.engine.planStack('demo', machine.request(`services: {a: {${SERVICE}, init: true, ${keys}}}`))).plan.steps[0]?.why ?? '';
  expect(await why('devices: ["/dev/zero:/dev/x:r"]')).toBe('devices[/dev/x]: absent → "/dev/zero r"');
  expect(await why('privileged: true')).toBe('privileged: false → true');
  expect(await why('security_opt: ["no-new-privileges"]')).toBe('security.noNewPrivileges: false → true');
  expect(await why('pid: host')).toBe('namespaces.pid: "" → "host"');
  expect(await why('cgroup_parent: x')).toBe('cgroupParent: "" → "/x"');
  expect(await why('annotations: {a: b}')).toBe('annotations.a: absent → "b"');
});
